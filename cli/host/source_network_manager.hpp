// NetworkManager without systemd-resolved: the cache is the server of a profile of its own.
#pragma once

#include <string>

#include "cli/host/source.hpp"

namespace dnscache::cli {

Source network_manager_source();

/// The profile, nm-settings-keyfile(5): a virtual interface without routes whose server comes
/// first.
std::string network_manager_profile(const IpAddress& cache, const char* type);

/// NetworkManager runs and writes the list of servers in /etc/resolv.conf itself.
bool is_network_manager_here();

}  // namespace dnscache::cli
