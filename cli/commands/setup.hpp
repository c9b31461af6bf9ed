// `dnscachectl setup` and `remove`: switch this machine's lookups over to the cache, and back.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What `setup` was asked to do.
struct SetupOptions {
  std::filesystem::path root;          ///< every file lies below it; empty: the machine itself
  std::vector<std::string> upstreams;  ///< instead of the servers that resolv.conf names
  std::vector<std::string> listen;     ///< instead of 127.0.0.1 and ::1
  std::vector<std::string> routes;     ///< "corp.example=10.1.0.2,10.1.0.3"
  std::filesystem::path import_file;   ///< dnsmasq's configuration; empty: none
  std::string mode = "auto";           ///< auto, link, resolved, manager or resolv-conf
  bool is_image = false;               ///< --image: of a machine that does not run yet
  bool is_dry_run = false;
  bool is_explained = false;       ///< --explain: the facts and the reason for the plan
  bool has_detailed_code = false;  ///< --detailed-exitcode
  bool is_confirmed = false;       ///< --yes
  bool is_json = false;
};

/// What `recover` was asked to do.
struct RecoverOptions {
  std::filesystem::path root;
  bool is_json = false;
};

/// What `remove` was asked to do.
struct RemoveOptions {
  std::filesystem::path root;
  bool is_forced = false;
  bool is_purge = false;  ///< restore files even if someone changed them since
  bool is_dry_run = false;
  bool is_confirmed = false;
  bool is_json = false;
};

/// Plans, asks, applies and verifies; ExitCode::rolled_back when a step failed and all were undone.
Result<ExitCode> run_setup(const SetupOptions& options);

/// Completes the undo of a run that was cut off.
Result<ExitCode> run_recover(const RecoverOptions& options);

/// Stops the engine that setup started and restores what was there.
Result<ExitCode> run_remove(const RemoveOptions& options);

}  // namespace dnscache::cli
