// What setup makes of /etc/resolv.conf.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "resolver/base/endpoint.hpp"

namespace dnscache::cli {

/// How a file begins that resolv_conf_with_cache() has written.
inline constexpr std::string_view resolv_conf_mark =
    "# Written by 'dnscachectl setup': lookups go through the cache";

/// The file with `cache` as its first name server, and every server, search, options and comment
/// line of `original` after it. They are what the engine asks, and what keeps the machine resolving
/// when it is gone: glibc moves on at once when nothing listens. Where there is none, `fallback` is
/// named. `options rotate` would spread lookups over all, so it is left out. A file whose first
/// server is `cache` already and that doesn't rotate is returned as it is.
std::string resolv_conf_with_cache(std::string_view original, const IpAddress& cache,
                                   const std::optional<IpAddress>& fallback);

/// The file without the cache and our comments, every other line as it is; nothing if no server
/// would be left.
std::optional<std::string> without_cache_line(std::string_view text, const IpAddress& cache);

/// A unified diff, as `diff -u` prints it; empty when the texts are equal.
std::string unified_diff(const std::string& name, std::string_view before, std::string_view after);

}  // namespace dnscache::cli
