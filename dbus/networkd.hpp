// systemd-networkd: what setup needs of it; see org.freedesktop.network1(5).
#pragma once

#include "dbus/bus.hpp"
#include "resolver/base/error.hpp"

namespace dnscache::dbus {

/// systemd-networkd on this machine; the Bus must outlive it. No call starts it.
class Networkd {
 public:
  explicit Networkd(Bus& bus) : connection_(&bus.connection()) {}

  Result<bool> is_running();

  /// Reads all .network files and drop-ins again. A link whose files changed is configured anew:
  /// it is without its DHCP address for a moment (40 to 80 ms, measured with systemd 252).
  Result<void> reload();
  /// The link has again the servers from its files and from DHCP, as before SetLinkDNS.
  Result<void> revert_servers(int interface_index);

 private:
  Bus::Connection* connection_;
};

}  // namespace dnscache::dbus
