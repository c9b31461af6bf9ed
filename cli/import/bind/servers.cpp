// Whom BIND asks: forwarders and zones.
#include <set>

#include "cli/import/bind/section.hpp"

namespace dnscache::cli::bind {
namespace {

class Servers : public Section {
 public:
  using Section::Section;

  Handlers options() override {
    return {{"forwarders", call(this, &Servers::forwarders)},
            {"forward", call(this, &Servers::forward)},
            {"recursion", call(this, &Servers::recursion)},
            {"empty-zones-enable", call(this, &Servers::empty_zones_enable)},
            {"disable-empty-zone", call(this, &Servers::disable_empty_zone)}};
  }
  Handlers statements() override { return {{"zone", call(this, &Servers::zone)}}; }

  void finish() override {
    finish_empty_zones();
    const auto upstreams = without_us(forwarders_);
    for (const UpstreamConfig& upstream : upstreams) {
      draft_.go_to(forwarders_.lines.front());
      draft_.add_new(config_.upstreams, "upstreams", upstream);
    }
    for (const auto& [name, route] : routes_) {
      const auto servers = without_us(route);
      if (servers.empty()) continue;
      draft_.go_to(route.lines.front());
      draft_.add_new(config_.routes, "routes", RouteConfig{name, servers});
    }
    if (!upstreams.empty()) return;
    draft_.add_line(
        {file_.string(), 0, "(no forwarders)", LineResult::refused,
         "named resolves from the root by itself; the cache asks other resolvers: those "
         "of /etc/resolv.conf unless upstreams names some"});
  }

 private:
  struct Forward {
    std::vector<UpstreamConfig> servers;
    std::vector<Index> lines;
  };

  void finish_empty_zones() {
    if (has_empty_zones_) return;
    // With "forward only" its forwarders are asked about private addresses.
    config_.bogus_priv = is_forward_only_ ? BogusPriv::never : BogusPriv::always;
    draft_.origins()["bogus_priv"] = {"named without empty-zones-enable"};
  }
  std::optional<std::vector<UpstreamConfig>> servers_in(const Statement& statement) {
    std::vector<UpstreamConfig> servers;
    const std::uint16_t port = port_in(statement, 1).value_or(dns_port);
    for (const Statement& one : statement.block) {
      const auto address = IpAddress::parse(one.word(0));
      if (!address) {
        draft_.refuse(in_quotes(one.word(0)) + " is not an IP address");
        return std::nullopt;
      }
      const Endpoint endpoint{*address, port_in(one).value_or(port)};
      const auto upstream = parse_upstream(endpoint.to_text());
      if (!upstream) {
        draft_.refuse(in_quotes(endpoint.to_text()) + ' ' + upstream.error().message);
        return std::nullopt;
      }
      if (std::ranges::find(servers, *upstream) == servers.end()) servers.push_back(*upstream);
    }
    return servers;
  }
  void forwarders(const Statement& statement) {
    auto servers = servers_in(statement);
    if (!servers) return;
    forwarders_ = {std::move(*servers), {draft_.current()}};
    draft_.translate("upstreams");
  }
  void forward(const Statement& statement) {
    if (statement.word(1) == "only") {
      is_forward_only_ = true;
      return draft_.not_needed("upstreams are asked and nobody else");
    }
    if (statement.word(1) != "first") return refuse_value(statement);
    draft_.refuse("nothing is resolved from the root when the forwarders fail; name several");
  }
  void recursion(const Statement& statement) {
    const auto value = bool_of(statement.word(1));
    if (!value) return refuse_value(statement);
    if (*value) return draft_.not_needed("it answers recursive queries");
    draft_.refuse("a cache answers recursive queries; leave an authoritative server to BIND");
  }

  void zone(const Statement& statement) {
    const auto name = statement.word(1) == "." ? Name() : name_of(statement.word(1));
    if (!name) return draft_.refuse(in_quotes(statement.word(1)) + " is not a domain name");
    std::string type;
    const Statement* servers = nullptr;
    bool is_first = false;
    for (const Statement& inner : statement.block) {
      if (inner.word(0) == "type") type = inner.word(1);
      if (inner.word(0) == "forwarders") servers = &inner;
      if (inner.word(0) == "forward") is_first = inner.word(1) == "first";
    }
    if (type == "hint")
      return draft_.not_needed("only a resolver that starts at the root needs it");
    if (type == "forward") return forward_zone(*name, servers, is_first);
    static const std::set<std::string_view> answered_anyway{"localhost", "127.in-addr.arpa",
                                                            "0.in-addr.arpa", "255.in-addr.arpa"};
    if (answered_anyway.contains(name->to_text())) {
      return draft_.not_needed("is answered here anyway (RFC 6761, RFC 6303)");
    }
    if (type == "stub" || type == "static-stub") {
      return draft_.refuse(
          "its servers are authoritative: if they answer recursive queries as well, write a route "
          "with their addresses");
    }
    draft_.refuse(
        "it is a cache, not an authoritative server: leave the zone to BIND on another address and "
        "write a route to it, or write its records into local.records");
  }
  void forward_zone(const Name& name, const Statement* statement, bool is_first) {
    if (statement == nullptr || statement->block.empty()) {
      return draft_.refuse("has no forwarders: its names go to upstreams; write a route instead");
    }
    const auto servers = servers_in(*statement);
    if (!servers) return;
    if (name.is_root()) {
      forwarders_ = {*servers, {draft_.current()}};
      return draft_.translate("upstreams");
    }
    Forward& route = routes_[name];
    route.servers = *servers;
    route.lines = {draft_.current()};
    if (is_first) return draft_.refuse("routes; but nothing is resolved from the root");
    draft_.translate("routes");
  }

  std::vector<UpstreamConfig> without_us(const Forward& forward) {
    std::vector<UpstreamConfig> servers;
    for (const UpstreamConfig& server : forward.servers) {
      if (!reaches_us(server.endpoint, config_.listen)) {
        servers.push_back(server);
        continue;
      }
      draft_.go_to(forward.lines.front());
      draft_.refuse(server.endpoint.to_text() +
                    " is where the cache itself listens; name the server that it hides");
    }
    return servers;
  }
  void empty_zones_enable(const Statement& statement) {
    const auto value = bool_of(statement.word(1));
    if (!value) return refuse_value(statement);
    has_empty_zones_ = true;
    config_.bogus_priv = *value ? BogusPriv::always : BogusPriv::never;
    draft_.note("bogus_priv");
    draft_.translate(*value ? "bogus_priv: true" : "bogus_priv: false");
  }
  void disable_empty_zone(const Statement&) {
    draft_.refuse("bogus_priv is for all private reverse zones; a route stands above it");
  }

  Forward forwarders_;
  std::map<Name, Forward> routes_;
  bool is_forward_only_ = false;
  bool has_empty_zones_ = false;
};

}  // namespace

std::unique_ptr<Section> make_servers(Draft& draft, const std::filesystem::path& file) {
  return std::make_unique<Servers>(draft, file);
}

}  // namespace dnscache::cli::bind
