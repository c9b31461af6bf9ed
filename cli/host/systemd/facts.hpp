// What systemd, systemd-resolved and systemd-networkd say about this machine's lookups.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/host/resolved_conf.hpp"
#include "dbus/bus.hpp"
#include "dbus/resolved.hpp"
#include "dbus/systemd.hpp"
#include "resolver/base/error.hpp"

namespace dnscache::cli {

inline constexpr const char* service_unit = "dnscachectl.service";
inline constexpr const char* socket_unit = "dnscachectl.socket";
inline constexpr const char* source_unit = "dnscachectl-source.service";
inline constexpr const char* setup_unit = "dnscachectl-setup.service";  ///< of images
inline constexpr const char* resolved_unit = "systemd-resolved.service";

/// A network interface with DNS servers of its own, as resolved sees it.
struct LinkFacts {
  int interface_index = 0;
  std::string name;
  std::vector<IpAddress> servers;  ///< in the order in which they are asked
  std::vector<dbus::Domain> domains;
  bool default_route = false;
};

/// The system's side of a lookup. Everything is empty on a machine without systemd.
struct SystemFacts {
  bool has_systemd = false;  ///< systemd is the service manager here
  std::string bus_problem;   ///< why D-Bus cannot be used; empty: it can
  std::map<std::string, dbus::UnitState> units;
  std::optional<dbus::ResolvedState> resolved;  ///< none: it does not run
  std::string resolved_problem;                 ///< it runs, but does not say anything
  ResolvedConf configured;                      ///< what its files say but for ours
  std::vector<LinkFacts> links;                 ///< those with DNS servers, but for our own
  std::optional<dbus::ResolvedLink> own_link;   ///< what it is to resolved, if it is there
  bool can_make_link = true;                    ///< an interface of our own is possible here
  /// The one of sources() that writes /etc/resolv.conf where systemd-resolved does not run.
  std::string manager;
  bool has_user = false;               ///< the static user that the service runs as
  bool has_dhclient = false;           ///< dhclient runs, and writes /etc/resolv.conf itself
  std::vector<std::string> nss_hosts;  ///< the services of the hosts line of nsswitch.conf

  bool is_active(const std::string& unit) const;
  const dbus::UnitState* unit(const std::string& name) const;
};

/// Asks D-Bus; every answer is optional. `root` is --root: below it there is no systemd.
SystemFacts read_system_facts(const std::filesystem::path& root);

}  // namespace dnscache::cli
