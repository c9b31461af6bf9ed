#include "dbus/link_servers.hpp"

#include <fmt/format.h>
#include <thread>

#include "dbus/networkd.hpp"
#include "dbus/resolved.hpp"

namespace dnscache::dbus {
namespace {

/// networkd writes a file that resolved watches, so resolved knows of a change a moment later.
template <class Condition>
Result<void> wait_for_resolved(Bus& bus, int interface_index, std::chrono::milliseconds limit,
                               Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    auto link = Resolved(bus).link(interface_index);
    if (!link) return link.error();
    if (condition(link->servers)) return {};
    if (std::chrono::steady_clock::now() >= deadline) {
      return Error{
          fmt::format("systemd-resolved did not take over the new servers of link {}; see "
                      "`resolvectl dns` and `networkctl status`",
                      interface_index)};
    }
    std::this_thread::sleep_for(10ms);
  }
}

Result<void> set_only(Bus& bus, int interface_index, const IpAddress& server,
                      std::chrono::milliseconds limit) {
  if (auto set = Networkd(bus).set_servers(interface_index, {server}); !set) return set;
  return wait_for_resolved(bus, interface_index, limit, [&](const auto& servers) {
    return servers.size() == 1 && servers.front().endpoint.address == server;
  });
}

}  // namespace

Result<void> set_link_servers(Bus& bus, int interface_index, const IpAddress& first,
                              const std::vector<IpAddress>& others,
                              std::chrono::milliseconds limit) {
  if (auto alone = set_only(bus, interface_index, first, limit); !alone) return alone;
  std::vector<IpAddress> all{first};
  all.insert(all.end(), others.begin(), others.end());
  if (auto set = Networkd(bus).set_servers(interface_index, all); !set) return set;
  return wait_for_resolved(bus, interface_index, limit,
                           [&](const auto& servers) { return servers.size() == all.size(); });
}

Result<void> revert_link_servers(Bus& bus, int interface_index, const IpAddress& first,
                                 std::chrono::milliseconds limit) {
  if (auto alone = set_only(bus, interface_index, first, limit); !alone) return alone;
  return Networkd(bus).revert_servers(interface_index);
}

}  // namespace dnscache::dbus
