// `dnscachectl config`: shows and changes settings, and takes back what makes lookups fail.
#pragma once

#include <CLI/App.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What `config` was asked to do.
struct ConfigOptions {
  std::filesystem::path control;  ///< empty: what the configuration says
  std::filesystem::path file;     ///< empty: the default one
  std::string key;
  std::vector<std::string> values;
  bool is_dry_run = false;
};

void add_config(CLI::App& app, ConfigOptions& options);

Result<ExitCode> run_config_get(const ConfigOptions& options);
/// ExitCode::check_failed: the new configuration has a mistake, and nothing was changed;
/// rolled_back: lookups failed with it, and the old one is in force again.
Result<ExitCode> run_config_set(const ConfigOptions& options);
Result<ExitCode> run_config_unset(const ConfigOptions& options);
Result<ExitCode> run_config_edit(const ConfigOptions& options);

}  // namespace dnscache::cli
