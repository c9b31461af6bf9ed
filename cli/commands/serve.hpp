// `dnscachectl serve`: the engine in the foreground.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What `serve` was asked to do.
struct ServeOptions {
  std::filesystem::path config;        ///< empty: the default file, if there is one
  std::filesystem::path control;       ///< empty: what the configuration says
  std::vector<std::string> listen;     ///< instead of the configuration's addresses
  std::vector<std::string> upstreams;  ///< instead of the configuration's upstreams
  std::string user;                    ///< to become once the sockets are open; empty: none
};

/// Runs until SIGTERM or SIGINT. With a configuration that cannot be used, the service goes on with
/// the last one that worked; where there is none, every problem is printed, and it ends with
/// ExitCode::bad_configuration before anything listens.
Result<ExitCode> run_serve(const ServeOptions& options);

}  // namespace dnscache::cli
