// The program: parse, run, and one place where an error becomes a line on stderr and an exit code.
#include <CLI/Error.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <iostream>

#include "cli/bench/clients.hpp"
#include "cli/commands.hpp"
#include "cli/commands/completion.hpp"
#include "cli/commands/schema.hpp"
#include "cli/show/output.hpp"
#include "cli/show/usage.hpp"
#include "resolver/config/schema.hpp"

namespace dnscache::cli {

Result<ExitCode> run_bench(const BenchOptions& options);

namespace {

Result<ExitCode> run(const std::string& command, const Options& options) {
  if (command == "reload") return run_reload(options.control);
  if (command == "serve") return run_serve(options.serve);
  if (command == "run") return run_command(options.run);
  if (command == "template") return run_template(options.template_);
  if (command == "schema") return run_schema();
  if (command == "support") return run_support(options.support);
  if (command == "check") return run_check(options.check);
  if (command == "import") return run_import(options.import);
  if (command == "bench") return run_bench(options.bench);
  if (command == "setup") return run_setup(options.setup);
  if (command == "remove") return run_remove(options.remove);
  if (command == "recover") return run_recover(options.recover);
  if (command == "status") return run_status(options.status);
  if (command == "doctor") return run_doctor(options.doctor);
  if (command == "restart") return run_restart(options.service);
  if (command == "stop") return run_stop(options.service);
  if (command == "pause") return run_pause(options.service);
  if (command == "resume") return run_resume(options.service);
  if (command == "logs") return run_logs(options.service);
  if (command == "config get") return run_config_get(options.config);
  if (command == "config set") return run_config_set(options.config);
  if (command == "config unset") return run_config_unset(options.config);
  if (command == "config edit") return run_config_edit(options.config);
  if (command == "monitor") return run_monitor(options.monitor);
  if (command == "query") return run_query(options.query);
  if (command == "explain") return run_explain(options.explain);
  if (command == "top") return run_top(options.top);
  if (command == "flush") return run_flush(options.flush);
  if (command == "cache list") return run_cache_list(options.cache);
  if (command == "cache get") return run_cache_get(options.cache);
  if (command == "cache flush") return run_flush(options.flush);
  if (command == "cache dump") return run_cache_dump(options.cache);
  if (command == "cache load") return run_cache_load(options.cache);
  if (command == "completion") return run_completion(options.shell);
  if (command == "__complete") return run_complete(options.words);
  if (command == "__getaddrinfo") return run_getaddrinfo_helper(options.words);
  if (command == "source") return run_source(options.source);
  if (command == "__man-settings") {
    print(settings_as_mdoc());
    return ExitCode::done;
  }
  return Error{"no behaviour for the command " + command};
}

// Options that stand before the command belong to every command.
void share_global_options(Options& options) {
  options.setup.root = options.remove.root = options.recover.root = options.root;
  options.cache.control = options.serve.control = options.status.control = options.doctor.control =
      options.flush.control = options.bench.control = options.run.control =
          options.support.control = options.explain.control = options.query.control =
              options.monitor.control = options.config.control = options.service.control =
                  options.top.control = options.control;
}

// "setup", "cache list"
std::string command_of(const CLI::App& app) {
  const CLI::App& command = *app.get_subcommands().front();
  const auto below = command.get_subcommands();
  return command.get_name() + (below.empty() ? "" : ' ' + below.front()->get_name());
}

ExitCode report(const Error& error) {
  print_message(error.message);
  return error.code;
}

// For somebody who knows nothing yet.
ExitCode print_overview(const CLI::App& app) {
  print(app.help());
  print("\n" + verdict_line() + '\n');
  return ExitCode::done;
}

// What could not be written was not done: a full disk, for example.
ExitCode end_output(ExitCode code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  print_message(system_error("cannot write the output", errno).message);
  return ExitCode::failure;
}

ExitCode main_program(int argc, char** argv) {
  Options options;
  const auto app = make_commands(options);
  auto words = as_options({argv + 1, argv + argc});
  if (words.empty()) return print_overview(*app);
  options.run.command = take_command_of_run(*app, words);
  try {
    std::ranges::reverse(words);  // CLI11 takes them from the end
    app->parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    return report_parse_error(*app, error);
  }
  share_global_options(options);
  set_quiet(options.is_quiet);
  const auto code = run(command_of(*app), options);
  return code ? *code : report(code.error());
}

}  // namespace

}  // namespace dnscache::cli

int main(int argc, char** argv) {
  using namespace dnscache;
  try {
    return static_cast<int>(cli::end_output(cli::main_program(argc, argv)));
  } catch (const std::exception& error) {
    cli::print_message(std::string("unexpected: ") + error.what());
    return static_cast<int>(ExitCode::failure);
  }
}
