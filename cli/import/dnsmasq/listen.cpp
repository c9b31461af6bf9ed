// Where dnsmasq listens and whom it serves.
#include "cli/import/dnsmasq/section.hpp"

namespace dnscache::cli::dnsmasq {
namespace {

class Listen : public Section {
 public:
  using Section::Section;

  Handlers handlers() override {
    return {{"listen-address", call(this, &Listen::listen_address)},
            {"interface", call(this, &Listen::interface)},
            {"port", call(this, &Listen::port)},
            {"local-service", call(this, &Listen::local_service)}};
  }

 private:
  void listen_address(const std::string& value) {
    for (const std::string& text : split(value, ',')) {
      const auto address = IpAddress::parse(text);
      if (!address) return draft_.refuse(in_quotes(text) + " is not an IP address of this machine");
      listen_.push_back({*address, draft_.current()});
    }
    draft_.finish_line(LineResult::kept, "listen");
  }
  void interface(const std::string& value) {
    std::vector<std::string> others;
    for (const std::string& name : split(value, ',')) {
      if (name == "lo") {
        loopback_lines_.push_back(draft_.current());
      } else {
        others.push_back(name);
      }
    }
    has_interface_ = true;
    if (others.empty()) return draft_.translate("listen: 127.0.0.1 and ::1");
    draft_.refuse("addresses are listened on, not interfaces: write those of " +
                  join_words(others, "and") + " under listen, and its networks under acl");
  }
  void port(const std::string& value) {
    const auto number = number_of(value);
    if (!number || *number > 65535) return draft_.refuse(in_quotes(value) + " is not a port");
    if (*number == 0) return draft_.refuse("switches DNS off; then no cache is needed");
    port_ = static_cast<std::uint16_t>(*number);
    port_line_ = draft_.current();
    draft_.finish_line(LineResult::kept, "the port in listen");
  }
  void local_service(const std::string&) {
    only_local_clients_ = true;
    draft_.translate("acl: other machines than this one are served when acl has their networks");
  }

  void finish() override {
    const bool is_everywhere = listen_.empty() && !has_interface_;
    if (is_everywhere) {
      draft_.add_line(
          {draft_.lines().empty() ? "dnsmasq" : draft_.line(0).file, 0,
           "(no listen-address, no interface)",
           only_local_clients_ ? LineResult::translated : LineResult::refused,
           "dnsmasq answers at every address then; here only 127.0.0.1 and ::1 do: write others "
           "under listen, and the networks of their clients under acl"});
    }
    for (const Index line : loopback_lines_) {
      for (const Endpoint& endpoint : default_listen()) listen_.push_back({endpoint.address, line});
    }
    const std::uint16_t port = port_.value_or(dns_port);
    std::vector<std::pair<Endpoint, std::vector<Index>>> endpoints;
    if (listen_.empty()) {
      for (const Endpoint& own : default_listen()) endpoints.push_back({{own.address, port}, {}});
    }
    for (const auto& [address, line] : listen_) {
      const Endpoint endpoint{address, port};
      const auto known =
          std::ranges::find(endpoints, endpoint, [](const auto& e) { return e.first; });
      if (known == endpoints.end()) {
        endpoints.push_back({endpoint, {line}});
      } else {
        known->second.push_back(line);
      }
    }
    config_.listen.clear();
    for (const auto& [endpoint, lines] : endpoints) {
      const std::string key = "listen[" + std::to_string(config_.listen.size()) + ']';
      for (const Index line : lines) draft_.note(key, line);
      if (port_line_) draft_.note(key, *port_line_);
      config_.listen.push_back(endpoint);
    }
    const auto other = std::ranges::find_if(
        listen_, [](const auto& listen) { return !listen.first.is_loopback(); });
    if (other == listen_.end()) return;
    config_.acl = private_networks();
    draft_.note("acl", other->second);
    draft_.line(other->second).explanation +=
        "; acl: clients of private networks only, not those of the whole Internet";
  }

  std::vector<std::pair<IpAddress, Index>> listen_;
  std::vector<Index> loopback_lines_;
  bool has_interface_ = false;
  bool only_local_clients_ = false;
  std::optional<std::uint16_t> port_;
  std::optional<Index> port_line_;
};

}  // namespace

std::unique_ptr<Section> make_listen(Context& context) { return std::make_unique<Listen>(context); }

}  // namespace dnscache::cli::dnsmasq
