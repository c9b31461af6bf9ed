// systemd-networkd: its links and what they learned about DNS; see org.freedesktop.network1(5).
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "dbus/bus.hpp"
#include "resolver/endpoint.hpp"
#include "resolver/error.hpp"

namespace dnscache::dbus {

/// A server that a link was told of.
struct LinkServer {
  IpAddress address;
  std::string source;  ///< static, DHCPv4, DHCPv6, NDISC, runtime

  bool operator==(const LinkServer&) const = default;
};

/// A network interface as systemd-networkd sees it.
struct NetworkLink {
  int interface_index = 0;
  std::string name;                  ///< "ens5"
  std::string administrative_state;  ///< configured, configuring, unmanaged, failed, ...
  std::string operational_state;     ///< routable, degraded, carrier, no-carrier, off, ...
  /// The .network file that it uses, under the name that drop-ins of it must have; empty if none.
  std::filesystem::path network_file;
  std::vector<LinkServer> servers;
  std::vector<std::string> search_domains;
  std::vector<std::string> route_domains;  ///< without the "~"

  bool is_managed() const { return !network_file.empty(); }
};

/// The link that the JSON of network1.Link.Describe describes.
Result<NetworkLink> parse_network_link(std::string_view json);

/// systemd-networkd on this machine; the Bus must outlive it. No call starts it.
class Networkd {
 public:
  explicit Networkd(Bus& bus) : connection_(&bus.connection()) {}

  Result<bool> is_running();
  /// To be called after a start or restart, which is over a moment before it can be asked.
  Result<void> wait_until_running(std::chrono::milliseconds limit = 5s);
  Result<std::vector<NetworkLink>> links();
  Result<NetworkLink> link(int interface_index);

  /// Reads all .network files and drop-ins again. A link whose files changed is configured anew:
  /// it is without its DHCP address for a moment (40 to 80 ms, measured with systemd 252).
  Result<void> reload();
  /// Configures a link anew from its files, with a new DHCP lease and the same gap.
  Result<void> reconfigure(int interface_index);

  /// Sets a link's servers at once and without a gap, instead of those from its files and DHCP,
  /// until revert_servers() or a restart of systemd-networkd.
  Result<void> set_servers(int interface_index, const std::vector<IpAddress>& servers);
  /// The link has again the servers from its files, as they were when last read, and from DHCP.
  Result<void> revert_servers(int interface_index);

 private:
  Bus::Connection* connection_;
};

}  // namespace dnscache::dbus
