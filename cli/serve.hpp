// `dnscachectl serve`: the engine in the foreground.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "resolver/error.hpp"

namespace dnscache::cli {

/// What `serve` was asked to do.
struct ServeOptions {
  std::filesystem::path config;        ///< empty: the default file, if there is one
  std::filesystem::path control;       ///< empty: what the configuration says
  std::vector<std::string> listen;     ///< instead of the configuration's addresses
  std::vector<std::string> upstreams;  ///< instead of the configuration's upstreams
};

/// Runs until SIGTERM or SIGINT. A configuration with problems prints all of them and ends with
/// ExitCode::check_failed before anything listens.
Result<ExitCode> run_serve(const ServeOptions& options);

}  // namespace dnscache::cli
