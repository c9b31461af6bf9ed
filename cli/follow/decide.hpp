// From what a machine's DNS managers list to the servers that the cache asks: a pure function.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dbus/dns_sources.hpp"
#include "resolver/config/config.hpp"

namespace dnscache::cli {

/// The interface that brings the cache before the servers of all others: none of theirs.
inline constexpr const char* own_link_name = "dnsc0";

/// Everything that says which servers a machine uses, as it was read.
struct MachineDns {
  std::optional<dbus::ResolvedDns> resolved;               ///< none: it does not run
  std::optional<dbus::NetworkManagerDns> network_manager;  ///< none: it does not run
  std::vector<Endpoint> resolv_conf;                       ///< servers in /etc/resolv.conf
  std::vector<Endpoint> resolved_list;  ///< in systemd-resolved's own resolv.conf
  std::vector<Endpoint> own;            ///< where the cache is reached: all of it is left out
};

/// The servers to ask, and those for the names of single zones.
struct MachineServers {
  std::vector<UpstreamConfig> upstreams;
  std::vector<RouteConfig> routes;
  std::string source;   ///< who lists them: "systemd-resolved", "/etc/resolv.conf"
  std::string problem;  ///< why there are none, where that is known

  bool operator==(const MachineServers&) const = default;
};

/// Every domain that a manager lists, also where it decides nothing.
struct MachineDomains {
  std::vector<RouteConfig> routes;  ///< by depth
  bool has_tunnel = false;          ///< an interface takes all names, "~."
};

/// Who is asked for what, as systemd-resolved, NetworkManager or glibc decide it on this machine:
///
/// - The servers of interfaces that have a domain "~." are asked for all names; where there are
///   none, those of the interfaces with a default route, and the global ones.
/// - The names in each search or routing domain of an interface go to its servers; the deepest
///   domain decides, and where several interfaces have it, all of them are asked.
/// - Within an interface the order of its servers counts. systemd-resolved.service(8), "Protocols
///   and Routing".
MachineServers decide(const MachineDns& machine);
MachineDomains domains_of(const MachineDns& machine);

/// The servers for the names in `zone`: those of the deepest route that it lies in, or `upstreams`.
const std::vector<UpstreamConfig>& servers_for(const Name& zone, const MachineServers& servers);

/// The configuration with these servers in it. Its own routes come before those of the machine, at
/// their zones and below them.
Config with_servers(Config config, const MachineServers& servers);

}  // namespace dnscache::cli
