// `dnscachectl run`: one command, in a container, with the cache in front of its lookups.
#pragma once

#include <string>
#include <string_view>

#include "resolver/base/endpoint.hpp"

namespace dnscache::cli {

/// resolv.conf with the cache before everything that it says, and back again. The original stays
/// readable in it, so that a container which was killed and started again finds it.
std::string with_cache_first(std::string_view original, const IpAddress& cache);
std::string without_cache_first(std::string_view text);

}  // namespace dnscache::cli
