// What systemd, systemd-resolved and systemd-networkd say about this machine's lookups.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dbus/bus.hpp"
#include "dbus/networkd.hpp"
#include "dbus/resolved.hpp"
#include "dbus/systemd.hpp"
#include "resolver/error.hpp"

namespace dnscache::cli {

inline constexpr const char* service_unit = "dnscachectl.service";
inline constexpr const char* socket_unit = "dnscachectl.socket";
inline constexpr const char* recover_unit = "dnscachectl-recover.service";
inline constexpr const char* lease_path_unit = "dnscachectl-recover.path";
inline constexpr const char* resolved_unit = "systemd-resolved.service";

/// A network interface other than lo, as resolved and networkd see it.
struct LinkFacts {
  int interface_index = 0;
  std::string name;
  std::filesystem::path network_file;     ///< of networkd; empty: it does not manage the link
  std::vector<dbus::LinkServer> servers;  ///< as networkd has them
  std::vector<IpAddress> asked;           ///< as resolved asks them, in this order
  std::vector<std::string> search_domains;

  bool is_managed() const { return !network_file.empty(); }
  bool has_run_time_servers() const;
  /// The servers without this one, in their order.
  std::vector<IpAddress> servers_without(const IpAddress& address) const;
};

/// The system's side of a lookup. Everything is empty on a machine without systemd.
struct SystemFacts {
  bool has_systemd = false;  ///< systemd is the service manager here
  std::string bus_problem;   ///< why D-Bus can't be used; empty: it can
  std::map<std::string, dbus::UnitState> units;
  std::optional<dbus::ResolvedState> resolved;  ///< none: it does not run
  std::string resolved_problem;                 ///< it runs, but does not say anything
  bool has_networkd = false;                    ///< it runs
  std::vector<LinkFacts> links;                 ///< those with DNS servers
  std::vector<std::string> nss_hosts;           ///< the services of the hosts line of nsswitch.conf

  bool is_active(const std::string& unit) const;
  const dbus::UnitState* unit(const std::string& name) const;
  bool asks_resolved_by_nss() const;
};

/// The words of the "hosts:" line, without those in brackets (nsswitch.conf(5)).
std::vector<std::string> parse_nss_hosts(std::string_view nsswitch);

/// Asks D-Bus; every answer is optional. `root` is --root: below it there is no systemd.
SystemFacts read_system_facts(const std::filesystem::path& root);

/// One link as it is now; its `asked` is empty when resolved does not know it.
Result<LinkFacts> read_link(dbus::Bus& bus, int interface_index, const std::string& name);

}  // namespace dnscache::cli
