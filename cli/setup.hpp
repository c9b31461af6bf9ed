// `dnscachectl setup` and `remove`: switch this machine's lookups over to the cache, and back.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "resolver/error.hpp"

namespace dnscache::cli {

/// What `setup` was asked to do.
struct SetupOptions {
  std::filesystem::path root;          ///< every file lies below it; empty: the machine itself
  std::vector<std::string> upstreams;  ///< instead of the servers that resolv.conf names
  std::vector<std::string> listen;     ///< instead of 127.0.0.1 and ::1
  bool is_dry_run = false;
  bool is_confirmed = false;  ///< --yes
  bool is_json = false;
};

/// What `remove` was asked to do.
struct RemoveOptions {
  std::filesystem::path root;
  bool is_forced = false;  ///< restore files even if someone changed them since
  bool is_dry_run = false;
  bool is_confirmed = false;
  bool is_json = false;
};

/// Plans, asks, applies and verifies; ExitCode::rolled_back when a step failed and all were undone.
Result<ExitCode> run_setup(const SetupOptions& options);

/// Stops the engine that setup started and restores what was there.
Result<ExitCode> run_remove(const RemoveOptions& options);

}  // namespace dnscache::cli
