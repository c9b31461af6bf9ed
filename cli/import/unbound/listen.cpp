// Where Unbound listens, whom it serves, and with how many threads.
#include "cli/import/unbound/section.hpp"

namespace dnscache::cli::unbound {
namespace {

class Listen : public Section {
 public:
  using Section::Section;

  Handlers handlers() override {
    return {{"interface", call(this, &Listen::interface)},
            {"ip-address", call(this, &Listen::interface)},
            {"port", call(this, &Listen::port)},
            {"do-ip4", call(this, &Listen::do_ip)},
            {"do-ip6", call(this, &Listen::do_ip)},
            {"do-udp", call(this, &Listen::do_transport)},
            {"do-tcp", call(this, &Listen::do_transport)},
            {"access-control", call(this, &Listen::access_control)},
            {"ip-ratelimit", call(this, &Listen::ip_ratelimit)},
            {"num-threads", call(this, &Listen::num_threads)}};
  }

  void finish() override {
    finish_listen();
    finish_access();
  }

 private:
  void interface(const Attribute& attribute) {
    const auto address = parse_address(attribute.value(), 0);
    if (!address) {
      return draft_.refuse(in_quotes(attribute.value()) +
                           " is not an IP address: write the interface's addresses under listen");
    }
    listen_.push_back({address->endpoint, draft_.current()});
    draft_.finish_line(LineResult::kept, "listen");
  }
  void port(const Attribute& attribute) {
    const auto number = number_of(attribute.value());
    if (!number || *number == 0 || *number > 65535) {
      return draft_.refuse(in_quotes(attribute.value()) + " is not a port");
    }
    port_ = static_cast<std::uint16_t>(*number);
    port_line_ = draft_.current();
    draft_.finish_line(LineResult::kept, "the port in listen");
  }
  void do_ip(const Attribute& attribute) {
    const auto value = yes_or_no(attribute);
    if (!value) return;
    if (*value) return draft_.not_needed("is so");
    (attribute.name == "do-ip6" ? without_v6_ : without_v4_) = draft_.current();
    draft_.translate("listen without these addresses; name no such upstreams");
  }
  void do_transport(const Attribute& attribute) {
    const auto value = yes_or_no(attribute);
    if (!value) return;
    if (*value) return draft_.not_needed("clients are served over UDP and TCP");
    draft_.refuse("clients are served over UDP and TCP; close the other one in the firewall");
  }
  void ip_ratelimit(const Attribute& attribute) {
    const auto number = number_of(attribute.value());
    if (!number) return draft_.refuse(in_quotes(attribute.value()) + " is not a number");
    if (*number == 0) return draft_.not_needed("there is no limit by default");
    config_.rate_limit.queries_per_second = std::min(*number, 1'000'000u);
    draft_.note("rate_limit.queries_per_second");
    draft_.translate("rate_limit.queries_per_second, of an IPv4 /24 or IPv6 /56 together");
  }
  void num_threads(const Attribute& attribute) {
    const auto number = number_of(attribute.value());
    if (!number || *number == 0 || *number > 256) {
      return draft_.refuse(in_quotes(attribute.value()) + " is not a number of threads");
    }
    config_.workers = *number;
    draft_.keep("workers", std::to_string(*number));
  }

  void access_control(const Attribute& attribute) {
    const auto network = Network::parse(attribute.value());
    const std::string& action = attribute.value(1);
    if (!network) return draft_.refuse(in_quotes(attribute.value()) + " is not a network");
    if (action.starts_with("allow")) {
      allowed_.push_back({*network, draft_.current()});
      const bool is_plain = action == "allow";
      return draft_.translate(is_plain ? "acl" : "acl; " + action + " means no more than allow");
    }
    if (action.starts_with("deny") || action.starts_with("refuse")) {
      denied_.push_back({*network, draft_.current()});
      return draft_.not_needed("clients that acl does not name get REFUSED");
    }
    draft_.refuse(in_quotes(action) + " is not an action of access-control");
  }

  bool is_left_out(const IpAddress& address) const {
    return address.is_v6 ? without_v6_.has_value() : without_v4_.has_value();
  }

  void finish_listen() {
    std::vector<std::pair<Endpoint, std::optional<Index>>> endpoints;
    for (const auto& [endpoint, line] : listen_) endpoints.push_back({endpoint, line});
    if (listen_.empty()) {
      for (const Endpoint& own : default_listen()) endpoints.push_back({{own.address, 0}, {}});
    }
    config_.listen.clear();
    for (auto [endpoint, line] : endpoints) {
      if (is_left_out(endpoint.address)) continue;
      if (endpoint.port == 0) endpoint.port = port_.value_or(dns_port);
      const Index origin = line.value_or(port_line_.value_or(0));
      if (!line && !port_line_) {
        config_.listen.push_back(endpoint);
        continue;
      }
      draft_.go_to(origin);
      draft_.add_new(config_.listen, "listen", endpoint);
    }
    if (without_v6_) draft_.note("listen", *without_v6_);
    if (without_v4_) draft_.note("listen", *without_v4_);
  }

  void finish_access() {
    for (const auto& [network, line] : allowed_) {
      draft_.go_to(line);
      // The machine itself is served whatever acl says.
      const bool is_own = network.address.is_loopback();
      if (is_own) {
        draft_.not_needed("this machine is always served");
      } else {
        draft_.add_new(config_.acl, "acl", network);
      }
    }
    for (const auto& [network, line] : denied_) {
      draft_.go_to(line);
      const bool is_exception = std::ranges::any_of(allowed_, [&](const auto& allowed) {
        return allowed.first.prefix_length < network.prefix_length &&
               allowed.first.contains(network.address);
      });
      if (is_exception || network.address.is_loopback()) {
        draft_.refuse("acl has no exceptions: write the networks that are left");
      }
    }
  }

  std::vector<std::pair<Endpoint, Index>> listen_;  // port 0: that of port:
  std::optional<std::uint16_t> port_;
  std::optional<Index> port_line_;
  std::optional<Index> without_v4_, without_v6_;
  std::vector<std::pair<Network, Index>> allowed_, denied_;
};

}  // namespace

std::unique_ptr<Section> make_listen(Draft& draft) { return std::make_unique<Listen>(draft); }

}  // namespace dnscache::cli::unbound
