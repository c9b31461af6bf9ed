// A network interface that carries no packets: systemd-resolved lists the cache as its DNS server.
#pragma once

#include <string>

#include "cli/follow/decide.hpp"
#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// Makes `name` if it is missing, gives it its address and brings it up; returns its index. Tried
/// are dummy, ifb and bridge, because not every kernel has each of them.
Result<int> make_virtual_link(const std::string& name);
/// The interface is gone afterwards; it is no error if it was before.
Result<void> remove_virtual_link(const std::string& name);

/// Whether this kernel can make such an interface, tried in a network namespace of its own. True
/// where trying needs rights that we lack.
bool can_make_virtual_link();

}  // namespace dnscache::cli
