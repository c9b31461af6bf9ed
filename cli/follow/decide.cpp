#include "cli/follow/decide.hpp"

#include <algorithm>
#include <iterator>
#include <map>

#include "resolver/config/upstreams_from.hpp"

namespace dnscache::cli {
namespace {

using Upstreams = std::vector<UpstreamConfig>;

/// What one interface, connection or global section lists; a scope in systemd-resolved's words.
struct Scope {
  std::string name;  ///< for people, "systemd-resolved, link wg0"
  Upstreams servers;
  std::vector<Name> zones;  ///< of its search and routing domains
  bool takes_all = false;   ///< it has the domain "~."
  bool is_default = false;  ///< it is asked for names that no domain covers
};

void append(Upstreams& list, const Upstreams& more) {
  for (const UpstreamConfig& upstream : more) {
    if (std::ranges::count(list, upstream) == 0) list.push_back(upstream);
  }
}

// "~corp.example", "corp.example", "." or "~.".
void add_domain(Scope& scope, std::string_view domain) {
  if (domain.starts_with('~')) domain.remove_prefix(1);
  const auto zone = Name::parse(domain);
  if (!zone) return;
  if (zone->is_root()) {
    scope.takes_all = true;
  } else {
    scope.zones.push_back(*zone);
  }
}

bool is_own(const Endpoint& server, const std::vector<Endpoint>& own) {
  return sort_nameservers({server}, own).usable.empty();
}

// With DNSOverTLS=yes; "opportunistic" promises nothing, so plain DNS does as well.
UpstreamConfig to_upstream(const dbus::DnsServer& server, bool requires_tls,
                           const std::string& link) {
  UpstreamConfig upstream{server.endpoint, Protocol::udp, "", link};
  if (!requires_tls) return upstream;
  upstream.protocol = Protocol::tls;
  if (upstream.endpoint.port == dns_port) upstream.endpoint.port = dns_over_tls_port;
  upstream.tls_name = server.server_name;
  return upstream;
}

Upstreams to_upstreams(const std::vector<dbus::DnsServer>& servers, bool requires_tls,
                       const std::string& link, const std::vector<Endpoint>& own) {
  Upstreams upstreams;
  for (const dbus::DnsServer& server : servers) {
    if (!is_own(server.endpoint, own)) append(upstreams, {to_upstream(server, requires_tls, link)});
  }
  return upstreams;
}

bool is_of_link(const dbus::DnsServer& server, const dbus::LinkDns& link) {
  const bool may_be = server.interface_index == link.index || server.endpoint.address.is_loopback();
  return may_be &&
         std::ranges::count(link.servers, server.endpoint, &dbus::DnsServer::endpoint) > 0;
}

// The manager lists the servers of links as well: those on a loopback address as servers of lo, and
// a global one "fe80::1%eth0" as one of eth0.
bool is_global(const dbus::DnsServer& server, const dbus::ResolvedDns& dns) {
  if (server.interface_index == 0) return true;
  if (std::ranges::any_of(dns.links, [&](const auto& link) { return is_of_link(server, link); })) {
    return false;
  }
  return server.endpoint.address.is_loopback() ||
         std::ranges::count(dns.links, server.interface_index, &dbus::LinkDns::index) > 0;
}

Scope global_scope(const MachineDns& machine) {
  const dbus::ResolvedDns& dns = *machine.resolved;
  Scope scope;
  scope.name = "systemd-resolved, global";
  scope.is_default = true;
  std::vector<dbus::DnsServer> servers;
  std::ranges::copy_if(dns.servers, std::back_inserter(servers),
                       [&](const auto& server) { return is_global(server, dns); });
  scope.servers = to_upstreams(servers, dns.requires_tls, "", machine.own);
  for (const dbus::Domain& domain : dns.domains) {
    if (domain.interface_index == 0) add_domain(scope, domain.name);
  }
  return scope;
}

std::vector<Scope> scopes_of_resolved(const MachineDns& machine) {
  const dbus::ResolvedDns& dns = *machine.resolved;
  std::vector<Scope> scopes{global_scope(machine)};
  std::vector<dbus::LinkDns> links = dns.links;  // listed in no order
  std::ranges::sort(links, {}, &dbus::LinkDns::index);
  for (const dbus::LinkDns& link : links) {
    if (!link.has_dns_scope || link.name == own_link_name) continue;
    Scope scope;
    scope.name = "systemd-resolved, link " + link.name;
    scope.servers = to_upstreams(link.servers, link.requires_tls, link.name, machine.own);
    scope.is_default = link.is_default_route;
    for (const dbus::Domain& domain : link.domains) add_domain(scope, domain.name);
    scopes.push_back(std::move(scope));
  }
  std::erase_if(scopes, [](const Scope& scope) { return scope.servers.empty(); });
  if (scopes.empty()) {
    const auto fallback = to_upstreams(dns.fallback_servers, dns.requires_tls, "", machine.own);
    if (!fallback.empty())
      scopes.push_back({"systemd-resolved, fallback", fallback, {}, false, true});
  }
  return scopes;
}

// Several connections are not raced: NetworkManager gives glibc one list, the important ones first.
std::vector<Scope> scopes_of_network_manager(const MachineDns& machine) {
  std::vector<Scope> scopes;
  std::optional<int> hidden_above;  // "negative values", nm-settings(5) ipv4.dns-priority
  for (const dbus::ConnectionDns& connection : machine.network_manager->connections) {
    if (connection.interface == own_link_name) continue;
    Scope scope;
    scope.name = connection.interface.empty() ? "NetworkManager, global"
                                              : "NetworkManager, interface " + connection.interface;
    for (const std::string& text : connection.nameservers) {
      const auto address = IpAddress::parse(text.substr(0, text.find('#')));
      if (!address || is_own({*address, dns_port}, machine.own)) continue;
      append(scope.servers, {{{*address, dns_port}, Protocol::udp, ""}});
    }
    if (scope.servers.empty()) continue;
    if (connection.priority < 0 && !hidden_above) hidden_above = connection.priority;
    scope.is_default = !hidden_above || connection.priority <= *hidden_above;
    for (const std::string& domain : connection.domains) add_domain(scope, domain);
    scopes.push_back(std::move(scope));
  }
  return scopes;
}

std::vector<RouteConfig> routes_of(const std::vector<Scope>& scopes) {
  std::map<Name, RouteConfig> routes;
  for (const Scope& scope : scopes) {
    for (const Name& zone : scope.zones) {
      RouteConfig& of_zone = routes[zone];
      of_zone.zone = zone;
      append(of_zone.upstreams, scope.servers);
      if (of_zone.source.find(scope.name) != std::string::npos) continue;
      of_zone.source += (of_zone.source.empty() ? "" : "; ") + scope.name;
    }
  }
  std::vector<RouteConfig> by_depth;
  for (auto& [zone, of_zone] : routes) by_depth.push_back(std::move(of_zone));
  std::ranges::stable_sort(by_depth, {}, [](const auto& r) { return r.zone.label_count(); });
  return by_depth;
}

MachineServers route(const std::vector<Scope>& scopes, std::string source) {
  MachineServers servers;
  servers.source = std::move(source);
  const bool is_tunnel = std::ranges::any_of(scopes, &Scope::takes_all);
  for (const Scope& scope : scopes) {
    if (is_tunnel ? scope.takes_all : scope.is_default) append(servers.upstreams, scope.servers);
  }
  for (RouteConfig& of_zone : routes_of(scopes)) {
    // A search domain on a machine with one interface decides nothing.
    if (servers_for(of_zone.zone, servers) == of_zone.upstreams) continue;
    servers.routes.push_back(std::move(of_zone));
  }
  return servers;
}

MachineServers from_resolv_conf(const MachineDns& machine) {
  MachineServers servers;
  const Nameservers found = sort_nameservers(machine.resolv_conf, machine.own);
  servers.source = default_resolv_conf;
  servers.upstreams = found.usable;
  if (!servers.upstreams.empty()) return servers;
  servers.upstreams = sort_nameservers(machine.resolved_list, machine.own).usable;
  if (!servers.upstreams.empty()) servers.source = "systemd-resolved";
  if (servers.upstreams.empty()) servers.problem = servers.source + ' ' + to_text(found);
  return servers;
}

// resolved reads somebody else's file, but programs ask the file's servers alone, unless an
// interface takes all names.
bool is_foreign(const MachineDns& machine, const std::vector<Scope>& scopes) {
  return machine.resolved->is_foreign && std::ranges::none_of(scopes, &Scope::takes_all) &&
         !sort_nameservers(machine.resolv_conf, machine.own).usable.empty();
}

// A program such as a VPN client has written resolv.conf past NetworkManager: it names servers that
// are neither the cache nor NetworkManager's.
bool is_overwritten(const MachineDns& machine, const std::vector<Scope>& scopes) {
  const Nameservers named = sort_nameservers(machine.resolv_conf, machine.own);
  if (named.has_own || named.has_stub) return false;
  return std::ranges::any_of(named.usable, [&](const UpstreamConfig& server) {
    return std::ranges::none_of(
        scopes, [&](const Scope& scope) { return std::ranges::count(scope.servers, server) > 0; });
  });
}

/// Where a manager decides, and not a file alone.
struct Scopes {
  std::vector<Scope> list;
  std::string source;
};

Scopes of_resolved(const MachineDns& machine) {
  Scopes scopes{scopes_of_resolved(machine), "systemd-resolved"};
  if (!is_foreign(machine, scopes.list)) return scopes;
  for (Scope& scope : scopes.list) scope.is_default = false;
  scopes.list.push_back({default_resolv_conf,
                         sort_nameservers(machine.resolv_conf, machine.own).usable,
                         {},
                         false,
                         true});
  scopes.source = default_resolv_conf;
  return scopes;
}

std::optional<Scopes> scopes_of(const MachineDns& machine) {
  if (machine.resolved) return of_resolved(machine);
  if (!machine.network_manager || machine.network_manager->mode == "none") return {};
  Scopes scopes{scopes_of_network_manager(machine), "NetworkManager"};
  if (scopes.list.empty() || is_overwritten(machine, scopes.list)) return {};
  return scopes;
}

}  // namespace

MachineServers decide(const MachineDns& machine) {
  const auto scopes = scopes_of(machine);
  if (!scopes) return from_resolv_conf(machine);
  MachineServers servers = route(scopes->list, scopes->source);
  if (servers.upstreams.empty()) servers.problem = "systemd-resolved lists no server";
  return servers;
}

MachineDomains domains_of(const MachineDns& machine) {
  const auto scopes = scopes_of(machine);
  if (!scopes) return {};
  return {routes_of(scopes->list), std::ranges::any_of(scopes->list, &Scope::takes_all)};
}

const std::vector<UpstreamConfig>& servers_for(const Name& zone, const MachineServers& servers) {
  const auto* found = &servers.upstreams;
  for (const RouteConfig& route : servers.routes) {
    if (zone.is_within(route.zone)) found = &route.upstreams;
  }
  return *found;
}

Config with_servers(Config config, const MachineServers& servers) {
  config.upstreams = servers.upstreams;
  config.upstreams_source = servers.source;
  const std::vector<RouteConfig> configured = config.routes;
  for (const RouteConfig& route : servers.routes) {
    const bool is_overruled = std::ranges::any_of(
        configured, [&](const RouteConfig& own) { return route.zone.is_within(own.zone); });
    if (!is_overruled) config.routes.push_back(route);
  }
  return config;
}

}  // namespace dnscache::cli
