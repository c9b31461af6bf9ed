// Which servers systemd-resolved and NetworkManager list for which names, only read.
#pragma once

#include <string>
#include <vector>

#include "dbus/bus.hpp"
#include "dbus/resolved.hpp"
#include "resolver/base/error.hpp"

namespace dnscache::dbus {

/// A network interface and the DNS that belongs to it, as systemd-resolved sees them.
struct LinkDns {
  int index = 0;
  std::string name;
  bool has_dns_scope = false;  ///< it is up, has an address, and its servers are in use
  bool is_default_route = false;
  bool requires_tls = false;  ///< DNSOverTLS=yes
  std::vector<DnsServer> servers;
  std::vector<Domain> domains;
};

/// All servers and domains of systemd-resolved.
struct ResolvedDns {
  /// Global ones and those of the links; one on a loopback address always has index 1.
  std::vector<DnsServer> servers;
  std::vector<DnsServer> fallback_servers;  ///< in use while there are no others
  std::vector<Domain> domains;              ///< global ones (index 0) and those of the links
  bool requires_tls = false;
  bool is_foreign = false;  ///< /etc/resolv.conf is not resolved's, which reads it
  std::vector<LinkDns> links;
};

/// One connection, VPN or global section of NetworkManager's DNS configuration.
struct ConnectionDns {
  std::string interface;  ///< empty: global
  int priority = 0;       ///< lower is more important; below 0 it hides those above
  std::vector<std::string> nameservers;
  std::vector<std::string> domains;  ///< "~" in front: routing only
};

/// What NetworkManager lists, the most important first.
struct NetworkManagerDns {
  std::string mode;  ///< "none": it leaves DNS alone
  std::vector<ConnectionDns> connections;
};

/// Needs no rights and starts nothing; an Error if the service does not run or answer.
Result<ResolvedDns> read_resolved_dns(Bus& bus);
Result<NetworkManagerDns> read_network_manager_dns(Bus& bus);

}  // namespace dnscache::dbus
