// Where BIND listens and whom it serves.
#include "cli/import/bind/section.hpp"

namespace dnscache::cli::bind {
namespace {

constexpr unsigned max_depth = 8;  // of acls that name others

/// Who is meant by an address match list, as far as acl can say it.
struct Clients {
  std::vector<Network> networks;
  bool has_any = false;
  bool has_localnets = false;
  std::string wrong;  ///< what could not be taken over
};

class Listen : public Section {
 public:
  using Section::Section;

  Handlers options() override {
    return {{"port", call(this, &Listen::port)},
            {"listen-on", call(this, &Listen::listen_on)},
            {"listen-on-v6", call(this, &Listen::listen_on)},
            {"allow-query", call(this, &Listen::allow)},
            {"allow-query-cache", call(this, &Listen::allow)},
            {"allow-recursion", call(this, &Listen::allow)}};
  }
  Handlers statements() override { return {{"acl", call(this, &Listen::acl)}}; }

  void finish() override {
    finish_listen();
    finish_access();
  }

 private:
  void port(const Statement& statement) {
    const auto number = number_of(statement.word(1));
    if (!number || *number == 0 || *number > 65535) return refuse_value(statement);
    port_ = static_cast<std::uint16_t>(*number);
    draft_.finish_line(LineResult::kept, "the port in listen");
  }
  void listen_on(const Statement& statement) {
    const bool is_v6 = statement.word(0) == "listen-on-v6";
    (is_v6 ? has_v6_ : has_v4_) = true;
    draft_.finish_line(LineResult::kept, "listen");
    if (std::ranges::count(statement.words, "tls") > 0) {
      return draft_.refuse("clients are served over UDP and TCP only");
    }
    for (const Statement& one : statement.block) {
      const std::string& word = one.word(0);
      const char* special = word == "any"         ? (is_v6 ? "::" : "0.0.0.0")
                            : word == "localhost" ? (is_v6 ? "::1" : "127.0.0.1")
                                                  : nullptr;
      const auto address = IpAddress::parse(special != nullptr ? special : word);
      if (word == "none") continue;
      if (!address || one.words.size() > 1) {
        return draft_.refuse(in_quotes(word) + " is not an IP address of this machine");
      }
      listen_.push_back({{*address, port_in(statement, 1).value_or(0)}, draft_.current()});
    }
  }
  void finish_listen() {
    if (!has_v4_ || !has_v6_) {
      const bool is_somewhere = has_v4_ || has_v6_;
      draft_.add_line({file_.string(), 0, has_v4_ ? "(no listen-on-v6)" : "(no listen-on)",
                       is_somewhere ? LineResult::not_needed : LineResult::refused,
                       is_somewhere
                           ? "named answers at every such address then; here only those in listen"
                           : "named answers at every address then; here only 127.0.0.1 and ::1 do: "
                             "write others under listen"});
    }
    if (has_v4_ || has_v6_) config_.listen.clear();
    for (auto [endpoint, line] : listen_) {
      if (endpoint.port == 0) endpoint.port = port_.value_or(dns_port);
      draft_.go_to(line);
      draft_.add_new(config_.listen, "listen", endpoint);
    }
    if (config_.listen.empty()) config_.listen = default_listen();
    if (listen_.empty() && port_) {
      for (Endpoint& endpoint : config_.listen) endpoint.port = *port_;
    }
  }

  void acl(const Statement& statement) {
    acls_[statement.word(1)] = statement.block;
    draft_.translate("its networks stand where it is used");
  }
  void add_clients(Clients& clients, const std::vector<Statement>& list, unsigned depth) const {
    for (const Statement& one : list) {
      const std::string& word = one.word(0);
      const auto named = acls_.find(word);
      if (word == "any") {
        clients.has_any = true;
      } else if (word == "localnets") {
        clients.has_localnets = true;
      } else if (word == "localhost" || word == "none") {
        // This machine is always served.
      } else if (one.has_block && word.empty()) {
        add_nested(clients, one.block, depth);
      } else if (named != acls_.end()) {
        add_nested(clients, named->second, depth);
      } else if (const auto network = Network::parse(word); network && one.words.size() == 1) {
        if (!network->address.is_loopback()) clients.networks.push_back(*network);
      } else {
        clients.wrong = one.text;
      }
    }
  }
  void add_nested(Clients& clients, const std::vector<Statement>& list, unsigned depth) const {
    if (depth < max_depth) return add_clients(clients, list, depth + 1);
    clients.wrong = "acls that name each other";
  }
  void allow(const Statement& statement) {
    access_[statement.word(0)] = {statement.block, draft_.current()};
    draft_.not_needed("allow-recursion says who is served");
  }
  void finish_access() {
    // What allow-recursion leaves unsaid, the next of them says.
    for (const char* name : {"allow-recursion", "allow-query-cache", "allow-query"}) {
      const auto found = access_.find(name);
      if (found == access_.end()) continue;
      const auto& [list, line] = found->second;
      draft_.go_to(line);
      Clients clients;
      add_clients(clients, list, 0);
      config_.acl = clients.networks;
      if (clients.has_any) config_.acl = {*Network::parse("0.0.0.0/0"), *Network::parse("::/0")};
      if (clients.has_localnets) {
        for (const Network& network : private_networks()) config_.acl.push_back(network);
      }
      draft_.note("acl");
      if (!clients.wrong.empty()) {
        return draft_.refuse("acl; but " + in_quotes(clients.wrong) + " has no counterpart in it");
      }
      return draft_.translate(clients.has_localnets ? "acl: private networks for localnets"
                                                    : "acl");
    }
    const bool is_open = std::ranges::any_of(
        config_.listen, [](const Endpoint& endpoint) { return !endpoint.address.is_loopback(); });
    if (!is_open) return;
    config_.acl = private_networks();
    draft_.origins()["acl"] = {"named without allow-recursion serves localnets"};
  }

  std::optional<std::uint16_t> port_;
  bool has_v4_ = false, has_v6_ = false;
  std::vector<std::pair<Endpoint, Index>> listen_;  // port 0: that of port
  std::map<std::string, std::vector<Statement>> acls_;
  std::map<std::string, std::pair<std::vector<Statement>, Index>> access_;
};

}  // namespace

std::unique_ptr<Section> make_listen(Draft& draft, const std::filesystem::path& file) {
  return std::make_unique<Listen>(draft, file);
}

}  // namespace dnscache::cli::bind
