// Which server systemd-resolved asks first for a link of systemd-networkd, changed without a gap.
#pragma once

#include <chrono>
#include <vector>

#include "dbus/bus.hpp"
#include "resolver/endpoint.hpp"
#include "resolver/error.hpp"

namespace dnscache::dbus {

/// Makes systemd-resolved ask `first` for a link, and `others` only while that does not answer;
/// until revert_link_servers() or a restart of systemd-networkd. resolved stays with the server it
/// asks now for as long as that is in the list, so the others come back in a second step.
Result<void> set_link_servers(Bus& bus, int interface_index, const IpAddress& first,
                              const std::vector<IpAddress>& others,
                              std::chrono::milliseconds limit = 5s);

/// The link has the servers of its files and of DHCP again, and `first`, which must be the first of
/// them, is asked first: also when resolved had moved on to another.
Result<void> revert_link_servers(Bus& bus, int interface_index, const IpAddress& first,
                                 std::chrono::milliseconds limit = 5s);

}  // namespace dnscache::dbus
