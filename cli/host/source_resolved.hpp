// systemd-resolved: the cache is the DNS server of an interface of ours that takes every name.
#pragma once

#include "cli/host/source.hpp"

namespace dnscache::cli {

Source resolved_source();

bool is_resolved_here();

/// Keeps systemd-networkd off the interface.
inline constexpr const char* own_link_network_file = "/run/systemd/network/00-dnscachectl.network";
/// Keeps NetworkManager off the interface.
inline constexpr const char* own_link_manager_file =
    "/run/NetworkManager/conf.d/00-dnscachectl.conf";

}  // namespace dnscache::cli
