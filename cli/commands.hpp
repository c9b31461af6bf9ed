// The whole command tree: names, flags and help. No behaviour.
#pragma once

#include <CLI/App.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/bench/options.hpp"
#include "cli/commands/cache.hpp"
#include "cli/commands/check.hpp"
#include "cli/commands/config.hpp"
#include "cli/commands/doctor.hpp"
#include "cli/commands/explain.hpp"
#include "cli/commands/flush.hpp"
#include "cli/commands/monitor.hpp"
#include "cli/commands/query.hpp"
#include "cli/commands/reload.hpp"
#include "cli/commands/run.hpp"
#include "cli/commands/serve.hpp"
#include "cli/commands/service.hpp"
#include "cli/commands/setup.hpp"
#include "cli/commands/status.hpp"
#include "cli/commands/support.hpp"
#include "cli/commands/template.hpp"
#include "cli/commands/top.hpp"
#include "cli/host/source.hpp"
#include "cli/import/import.hpp"

namespace dnscache::cli {

/// Everything that the command line can say.
struct Options {
  std::filesystem::path root;     ///< --root, hidden: for tests
  std::filesystem::path control;  ///< --control
  bool is_quiet = false;          ///< --quiet
  ServeOptions serve;
  RunOptions run;
  CheckOptions check;
  ImportOptions import;
  TemplateOptions template_;
  SupportOptions support;
  BenchOptions bench;
  SetupOptions setup;
  RemoveOptions remove;
  RecoverOptions recover;
  SourceOptions source;
  StatusOptions status;
  DoctorOptions doctor;
  ExplainOptions explain;
  QueryOptions query;
  MonitorOptions monitor;
  ConfigOptions config;
  ServiceOptions service;
  TopOptions top;
  FlushOptions flush;
  CacheOptions cache;
  std::string shell;               ///< completion
  std::vector<std::string> words;  ///< __complete
};

/// The command tree; parsing fills `options`, which must outlive it.
std::unique_ptr<CLI::App> make_commands(Options& options);

/// Takes the command of `run` with its arguments off the end of a command line, because none of it
/// is ours to understand; empty for every other command.
std::vector<std::string> take_command_of_run(const CLI::App& app, std::vector<std::string>& words);

/// The words an option or argument can take, for completion; empty where any text goes.
std::vector<std::string> choices_of(const CLI::App& command, const CLI::Option& option);

}  // namespace dnscache::cli
