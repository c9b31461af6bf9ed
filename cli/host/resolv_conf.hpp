// What setup makes of /etc/resolv.conf.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "resolver/endpoint.hpp"

namespace dnscache::cli {

/// How a file begins that resolv_conf_with_cache() has written.
inline constexpr std::string_view resolv_conf_mark =
    "# Written by 'dnscachectl setup': lookups go through the cache";

/// The file with `cache` as its first name server and `fallback` as its second, with every search,
/// options and comment line of `original`. The fallback is what keeps the machine resolving when
/// the engine is gone: glibc moves on at once when nothing listens. `options rotate` would spread
/// lookups over both, so it is left out. A file whose first server is `cache` already and that
/// doesn't rotate is returned as it is.
std::string resolv_conf_with_cache(std::string_view original, const IpAddress& cache,
                                   const std::optional<IpAddress>& fallback);

/// A unified diff, as `diff -u` prints it; empty when the texts are equal.
std::string unified_diff(const std::string& name, std::string_view before, std::string_view after);

}  // namespace dnscache::cli
