// Domains with servers or addresses of their own.
#include "cli/import/dnsmasq/section.hpp"

namespace dnscache::cli::dnsmasq {
namespace {

class Zones : public Section {
 public:
  using Section::Section;

  Handlers handlers() override {
    return {{"server/", call(this, &Zones::server)},
            {"local/", call(this, &Zones::server)},
            {"rev-server", call(this, &Zones::rev_server)},
            {"address", call(this, &Zones::address)}};
  }

  void finish() override {
    finish_routes();
    finish_zones();
  }

 private:
  struct Route {
    std::vector<UpstreamConfig> upstreams;
    bool has_standard = false;
    std::vector<Index> lines;
  };
  struct Zone {
    std::vector<IpAddress> addresses;
    std::vector<Index> lines;
  };

  std::optional<std::vector<Name>> zones_of(const Domains& domains, bool may_be_any) {
    std::vector<Name> zones;
    for (const std::string& text : domains.domains) {
      if (text == "#" && may_be_any) {
        zones.emplace_back();
        continue;
      }
      if (text.empty()) {
        draft_.refuse("means names without a dot only, which have no routes; see domain_needed");
        return std::nullopt;
      }
      const auto name = name_of(text);
      if (!name || text[0] == '*') {
        draft_.refuse(in_quotes(text) + (text[0] == '*'
                                             ? " is a pattern; name the domains one by one"
                                             : " is not a domain name"));
        return std::nullopt;
      }
      zones.push_back(*name);
    }
    return zones;
  }

  void server(const std::string& value) {
    const Domains domains = split_domains(value);
    const auto zones = zones_of(domains, false);
    if (!zones) return;
    if (domains.rest.empty()) {
      for (const Name& zone : *zones) nowhere_[zone].push_back(draft_.current());
      return draft_.translate(
          "local.zones without addresses: only what is known here exists there");
    }
    add_routes(*zones, domains.rest);
  }
  void add_routes(const std::vector<Name>& zones, const std::string& text) {
    const auto server = parse_server(text);
    if (!server) return draft_.refuse(server.error().message);
    for (const Name& zone : zones) {
      Route& route = routes_[zone];
      route.lines.push_back(draft_.current());
      if (!server->upstream) {
        route.has_standard = true;
      } else if (std::ranges::find(route.upstreams, *server->upstream) == route.upstreams.end()) {
        route.upstreams.push_back(*server->upstream);
      }
    }
    if (!server->lost.empty()) return draft_.refuse("routes; but " + server->lost);
    draft_.translate("routes");
  }
  void rev_server(const std::string& value) {
    const auto comma = value.find(',');
    const auto network = Network::parse(value.substr(0, comma));
    if (!network || network->prefix_length == 0)
      return draft_.refuse("is not a network and a server");
    const auto zones = reverse_zones(*network);
    if (comma == std::string::npos) {
      for (const Name& zone : zones) nowhere_[zone].push_back(draft_.current());
      return draft_.translate("local.zones without addresses");
    }
    add_routes(zones, std::string(trim(std::string_view(value).substr(comma + 1))));
  }
  void finish_routes() {
    for (auto& [zone, route] : routes_) {
      if (route.has_standard) {
        const auto standard =
            config_.upstreams.empty() ? context_.servers_of_file() : config_.upstreams;
        for (const UpstreamConfig& upstream : standard) {
          if (std::ranges::find(route.upstreams, upstream) == route.upstreams.end()) {
            route.upstreams.push_back(upstream);
          }
        }
        if (standard.empty()) {
          draft_.go_to(route.lines.front());
          draft_.refuse("the standard servers are not known; name them in a route for " +
                        zone.to_text());
          continue;
        }
      }
      const std::string key = "routes[" + std::to_string(config_.routes.size()) + ']';
      for (const Index line : route.lines) draft_.note(key, line);
      config_.routes.push_back({zone, route.upstreams});
      nowhere_.erase(zone);
    }
  }

  void address(const std::string& value) {
    const Domains domains = split_domains(value);
    if (!domains.has) return draft_.refuse("names no domain");
    const auto zones = zones_of(domains, true);
    if (!zones) return;
    std::vector<IpAddress> addresses;
    if (domains.rest == "#") {
      addresses = {*IpAddress::parse("0.0.0.0"), *IpAddress::parse("::")};
    } else if (!domains.rest.empty()) {
      const auto address = IpAddress::parse(domains.rest);
      if (!address || address->scope_id != 0) {
        return draft_.refuse(in_quotes(domains.rest) + " is not an IP address");
      }
      addresses = {*address};
    }
    for (const Name& zone : *zones) {
      Zone& known = zones_[zone];
      known.lines.push_back(draft_.current());
      for (const IpAddress& one : addresses) {
        if (std::ranges::find(known.addresses, one) == known.addresses.end()) {
          known.addresses.push_back(one);
        }
      }
    }
    draft_.translate(addresses.empty() ? "local.zones without addresses: NXDOMAIN" : "local.zones");
  }

  void finish_zones() {
    for (const auto& [zone, lines] : nowhere_) {
      auto& known = zones_[zone].lines;
      known.insert(known.end(), lines.begin(), lines.end());
    }
    for (const auto& [zone, known] : zones_) {
      const std::string key = "local.zones[" + std::to_string(config_.local.zones.size()) + ']';
      for (const Index line : known.lines) draft_.note(key, line);
      config_.local.zones.push_back({zone, known.addresses});
    }
  }

  std::map<Name, Route> routes_;
  std::map<Name, std::vector<Index>> nowhere_;
  std::map<Name, Zone> zones_;
};

}  // namespace

std::unique_ptr<Section> make_zones(Context& context) { return std::make_unique<Zones>(context); }

}  // namespace dnscache::cli::dnsmasq
