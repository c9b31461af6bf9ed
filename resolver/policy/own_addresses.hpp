// The addresses of this machine.
#pragma once

#include <vector>

#include "resolver/endpoint.hpp"
#include "resolver/error.hpp"

namespace dnscache {

/// The addresses of all interfaces that are up. Read without netlink, which getifaddrs(3) wants and
/// the service's sandbox has not: by SIOCGIFCONF (netdevice(7)) and /proc/self/net/if_inet6.
Result<std::vector<IpAddress>> own_addresses();

}  // namespace dnscache
