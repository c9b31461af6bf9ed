// `dnscachectl restart`, `stop`, `pause`, `resume` and `logs`: the engine as a service.
#pragma once

#include <CLI/App.hpp>
#include <filesystem>
#include <string>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What these commands were asked.
struct ServiceOptions {
  std::filesystem::path control;  ///< empty: what the configuration says
  std::string pause_time = "5m";
  unsigned lines = 20;  ///< of the log
  std::string since;    ///< as journalctl(1) reads it; empty: the last lines
  bool is_following = false;
};

void add_service(CLI::App& app, ServiceOptions& options);

Result<ExitCode> run_restart(const ServiceOptions& options);
Result<ExitCode> run_stop(const ServiceOptions& options);
Result<ExitCode> run_pause(const ServiceOptions& options);
Result<ExitCode> run_resume(const ServiceOptions& options);
/// Takes the place of this process.
Result<ExitCode> run_logs(const ServiceOptions& options);

}  // namespace dnscache::cli
