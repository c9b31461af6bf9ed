// `dnscachectl run`: one command, in a container, with the cache in front of its lookups.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/base/endpoint.hpp"
#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What `run` was asked to do.
struct RunOptions {
  std::filesystem::path config;        ///< empty: DNSCACHE_CONFIG or the default file
  std::filesystem::path control;       ///< empty: what the configuration says
  std::vector<std::string> listen;     ///< instead of the configuration's addresses
  std::vector<std::string> upstreams;  ///< instead of the configuration's upstreams
  std::vector<std::string> command;    ///< with its arguments; never empty
};

/// Runs the command and returns its exit status as a shell would: 128 + N when signal N ended it,
/// 127 and 126 when it could not be started. While it runs, the engine answers its lookups, signals
/// are passed on to it, and children that nobody else waits for are reaped, as is the duty of a
/// container's first process. Without a working cache the command runs with DNS as it was.
Result<ExitCode> run_command(const RunOptions& options);

/// resolv.conf with the cache before everything that it says, and back again. The original stays
/// readable in it, so that a container which was killed and started again finds it.
std::string with_cache_first(std::string_view original, const IpAddress& cache);
std::string without_cache_first(std::string_view text);

}  // namespace dnscache::cli
