#include "dbus/networkd.hpp"

#include <fmt/format.h>

#include "dbus/call.hpp"
#include "dbus/org.freedesktop.network1.proxy.hpp"

namespace dnscache::dbus {
namespace {

using Manager = Proxy<org::freedesktop::network1::Manager_proxy>;

}  // namespace

Result<bool> Networkd::is_running() {
  return attempt(*connection_, bus_daemon, "ask for systemd-networkd",
                 [&] { return has_owner(*connection_, networkd_service); });
}

Result<void> Networkd::reload() {
  return attempt_running(*connection_, networkd_service, "reload systemd-networkd's files",
                         [&] { Manager(*connection_, networkd_service).Reload(); });
}

Result<void> Networkd::revert_servers(int interface_index) {
  return attempt_running(
      *connection_, networkd_service, fmt::format("revert the servers of link {}", interface_index),
      [&] { Manager(*connection_, networkd_service).RevertLinkDNS(interface_index); });
}

}  // namespace dnscache::dbus
