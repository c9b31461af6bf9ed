// Domains with servers or addresses of their own.
#include <set>

#include "cli/import/dnsmasq/section.hpp"

namespace dnscache::cli::dnsmasq {
namespace {

constexpr std::size_t max_zones = 200;  // that only block, in the configuration itself

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
    bool is_null = false;  // "#": 0.0.0.0 and ::, where no other address of that kind is said
    std::vector<IpAddress> addresses;
    std::vector<Index> lines;
  };

  std::optional<std::vector<Name>> zones_of(const Domains& domains) {
    std::vector<Name> zones;
    for (const std::string& text : domains.domains) {
      if (text == "#") {  // any domain
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
    const auto zones = zones_of(domains);
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
    if (!server->upstream && std::ranges::any_of(zones, &Name::is_root)) {
      return draft_.refuse("means the servers of resolv.conf only; leave it out");
    }
    for (const Name& zone : zones) {
      if (zone.is_root()) {
        context_.servers.push_back({*server->upstream, draft_.current()});
        continue;
      }
      Route& route = routes_[zone];
      route.lines.push_back(draft_.current());
      if (!server->upstream) {
        route.has_standard = true;
      } else if (std::ranges::find(route.upstreams, *server->upstream) == route.upstreams.end()) {
        route.upstreams.push_back(*server->upstream);
      }
    }
    const bool is_any = std::ranges::all_of(zones, &Name::is_root);
    if (!server->lost.empty()) return draft_.refuse("routes; but " + server->lost);
    draft_.translate(is_any ? "upstreams" : "routes");
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
        // "#" counts more than servers of the zone's own.
        route.upstreams =
            config_.upstreams.empty() ? context_.servers_of_file() : config_.upstreams;
        if (route.upstreams.empty()) {
          draft_.go_to(route.lines.front());
          draft_.refuse("the standard servers are not known; name them in a route for " +
                        zone.to_text());
          continue;
        }
      }
      const std::string key = "routes[" + std::to_string(config_.routes.size()) + ']';
      for (const Index line : route.lines) draft_.note(key, line);
      config_.routes.push_back({zone, route.upstreams});
      // Servers of a zone count more than that its names do not exist.
      nowhere_.erase(zone);
      const auto local = zones_.find(zone);
      if (local != zones_.end() && local->second.addresses.empty() && !local->second.is_null) {
        zones_.erase(local);
      }
    }
  }

  void address(const std::string& value) {
    const Domains domains = split_domains(value);
    if (!domains.has) return draft_.refuse("names no domain");
    const auto zones = zones_of(domains);
    if (!zones) return;
    std::vector<IpAddress> addresses;
    const bool is_null = domains.rest == "#";
    if (!is_null && !domains.rest.empty()) {
      const auto address = IpAddress::parse(domains.rest);
      if (!address || address->scope_id != 0) {
        return draft_.refuse(in_quotes(domains.rest) + " is not an IP address");
      }
      addresses = {*address};
    }
    for (const Name& zone : *zones) {
      Zone& known = zones_[zone];
      known.lines.push_back(draft_.current());
      known.is_null |= is_null;
      for (const IpAddress& one : addresses) {
        if (std::ranges::find(known.addresses, one) == known.addresses.end()) {
          known.addresses.push_back(one);
        }
      }
    }
    draft_.translate(addresses.empty() && !is_null ? "local.zones without addresses: NXDOMAIN"
                                                   : "local.zones");
  }

  // Servers for every name count more than that there is none.
  void refuse_contradiction(const std::vector<Index>& lines) {
    for (const Index line : lines) {
      draft_.go_to(line);
      draft_.refuse("contradicts the servers, which are asked for every name; leave it out");
    }
  }
  void finish_any_domain() {
    if (context_.asks_nobody) return;
    if (const auto any = nowhere_.find(Name()); any != nowhere_.end()) {
      refuse_contradiction(any->second);
      nowhere_.erase(any);
    }
    const auto any = zones_.find(Name());
    if (any == zones_.end() || any->second.is_null || !any->second.addresses.empty()) return;
    refuse_contradiction(any->second.lines);
    zones_.erase(any);
  }

  void finish_zones() {
    finish_any_domain();
    for (const auto& [zone, lines] : nowhere_) {
      auto& known = zones_[zone].lines;
      known.insert(known.end(), lines.begin(), lines.end());
    }
    for (auto& [zone, known] : zones_) {
      if (known.is_null) add_null_addresses(known.addresses);
    }
    const auto listed = zones_for_block_list();
    for (const auto& [zone, known] : zones_) {
      if (listed.contains(zone)) continue;
      const std::string key = "local.zones[" + std::to_string(config_.local.zones.size()) + ']';
      for (const Index line : known.lines) draft_.note(key, line);
      config_.local.zones.push_back({zone, known.addresses});
    }
    if (!listed.empty()) write_block_list(listed);
  }

  static void add_null_addresses(std::vector<IpAddress>& addresses) {
    const bool has_v6 = std::ranges::count(addresses, true, &IpAddress::is_v6) > 0;
    const bool has_v4 = std::ranges::count(addresses, false, &IpAddress::is_v6) > 0;
    if (!has_v4) addresses.push_back(*IpAddress::parse("0.0.0.0"));
    if (!has_v6) addresses.push_back(*IpAddress::parse("::"));
  }
  static bool is_null(const Zone& zone) {
    return !zone.addresses.empty() &&
           std::ranges::all_of(zone.addresses, &IpAddress::is_unspecified);
  }

  // Many names that only block are a list, which is quicker to read than YAML. A list has one
  // answer: that of the larger part.
  std::set<Name> zones_for_block_list() {
    std::set<Name> missing, null;
    for (const auto& [zone, known] : zones_) {
      const std::string text = zone.to_text();
      const bool can_be_listed = !zone.is_root() && !IpAddress::parse(text) &&
                                 text.find_first_of("/|^$*,=@:!;[#\\\"") == std::string::npos;
      if (!can_be_listed) continue;
      if (known.addresses.empty()) missing.insert(zone);
      if (is_null(known)) null.insert(zone);
    }
    const bool is_null_answer = null.size() > missing.size();
    config_.local.block.answer = is_null_answer ? BlockAnswer::null : BlockAnswer::nxdomain;
    std::set<Name> listed = is_null_answer ? std::move(null) : std::move(missing);
    const std::set<Name>& others = is_null_answer ? missing : null;
    if (listed.size() <= max_zones) {
      config_.local.block.answer = BlockAnswer::nxdomain;
      return {};
    }
    if (others.size() > max_zones) listed.insert(others.begin(), others.end());
    return listed;
  }

  void write_block_list(const std::set<Name>& listed) {
    const bool is_null_answer = config_.local.block.answer == BlockAnswer::null;
    const std::string answer = is_null_answer ? "0.0.0.0 and ::" : "NXDOMAIN";
    for (const Name& name : listed) {
      draft_.block_list() += name.to_text() + '\n';
      for (const Index line : zones_[name].lines) {
        draft_.go_to(line);
        draft_.translate("local.block.files: " + answer);
      }
    }
    const std::string number = std::to_string(listed.size());
    draft_.origins()["local.block.files"] = {number + " names that dnsmasq blocks"};
    draft_.note("local.block.answer", zones_[*listed.begin()].lines.front());
  }

  std::map<Name, Route> routes_;
  std::map<Name, std::vector<Index>> nowhere_;
  std::map<Name, Zone> zones_;
};

}  // namespace

std::unique_ptr<Section> make_zones(Context& context) { return std::make_unique<Zones>(context); }

}  // namespace dnscache::cli::dnsmasq
