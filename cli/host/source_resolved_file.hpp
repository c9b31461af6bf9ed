// systemd-resolved where no interface of ours can be made: its configuration names the cache for
// all names.
#pragma once

#include "cli/host/source.hpp"

namespace dnscache::cli {

/// Takes back at run time what the drop-in says, and gives it again. Both restart systemd-resolved,
/// which fails lookups for a fraction of a second.
Source resolved_file_source();

/// Sorts after the drop-in of setup, and after a boot it is gone; see resolved.conf(5).
inline constexpr const char* resolved_off_file =
    "/run/systemd/resolved.conf.d/90-dnscachectl-off.conf";

}  // namespace dnscache::cli
