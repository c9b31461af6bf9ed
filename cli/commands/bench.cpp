#include <signal.h>
#include <unistd.h>

#include <fstream>

#include "cli/bench/plan.hpp"
#include "cli/command.hpp"
#include "cli/show/interrupt.hpp"
#include "cli/show/output.hpp"

namespace dnscache::cli {

namespace {

Result<BenchReport> measure(const BenchPlan& plan) {
  if (plan.options.scenario == "failover") return run_failover(plan);
  if (plan.options.scenario == "storm") return run_storm(plan);
  return run_compare(plan);
}

Result<std::ofstream> open_page(const std::filesystem::path& path, std::ios::openmode mode) {
  std::ofstream file;
  if (!path.empty()) file.open(path, mode);
  if (!file) return system_error("cannot write " + path.string(), errno);
  return file;
}

Result<void> show(const BenchReport& report, const BenchOptions& options) {
  if (options.is_json) {
    print_json(to_json(report));
  } else if (options.is_markdown) {
    print(to_markdown(report));
  } else {
    print(to_text(report, Terminal::of(STDOUT_FILENO)));
  }
  if (options.html.empty()) return {};
  auto page = open_page(options.html, std::ios::trunc);
  if (!page) return page.error();
  if (!(*page << to_html(report) << std::flush)) {
    return system_error("cannot write " + options.html.string(), errno);
  }
  print_message("wrote " + options.html.string());
  return {};
}

// Lookups through the cache were answered, of whatever kind they were.
bool is_answered(const BenchReport& report) {
  const auto& last = report.phases;
  return !last.empty() && last.back().key != "before" && !last.back().answered_ms().empty();
}

Result<ExitCode> run_bench(const BenchOptions& options) {
  const auto plan = make_plan(options);
  if (!plan) return plan.error();
  // Before minutes are spent on it.
  if (const auto page = open_page(options.html, std::ios::app); !page) return page.error();
  catch_interrupts(SecondInterrupt::ends_us);
  const auto report = measure(*plan);
  if (report) {
    if (const auto shown = show(*report, options); !shown) return shown.error();
  }
  // A shell wants to see that Ctrl-C ended us, and threads may still wait inside glibc.
  if (is_interrupted()) (void)::raise(interrupting_signal());
  if (!report) return report.error();
  return is_answered(*report) ? ExitCode::done : ExitCode::failure;
}

void declare_what(Arguments& arguments, BenchOptions& options) {
  arguments.add("name", options.names, "NAME", "Names to look up");
  arguments
      .add_choice("-s,--scenario", options.scenario, {"compare", "failover", "storm"}, "SCENARIO",
                  "compare; failover: an upstream of a copy of the engine stops responding; "
                  "storm: count how many of many lookups reach the upstream")
      ->capture_default_str();
  arguments.add("-f,--file", options.file, "FILE",
                "More names, one per line, optionally with a record type; '-' for stdin");
  arguments.suggest(arguments.add_list("-t,--type", options.types, "TYPE", "Record types [A,AAAA]"),
                    Arguments::common_types());
  arguments
      .add_choice("--through", options.through, through_words.all(), "CLIENT",
                  "Client: resolver (glibc's), getaddrinfo or wire (UDP packets)")
      ->capture_default_str();
  arguments.add("--exec", options.command, "COMMAND",
                "Measure this command, as in 'curl -so /dev/null https://{}'; {} is the name");
}

void declare_how_much(Arguments& arguments, BenchOptions& options) {
  auto* count = arguments.add("-n,--count", options.count, "N",
                              "Lookups per name, type and phase [100; commands: 10]");
  count->check(between(1, 1'000'000));
  arguments
      .add("-d,--duration", options.duration, "TIME",
           "Duration of each phase, as in 30s or 2m, in place of a count [failover: 16s, storm: "
           "10s]")
      ->transform(seconds_between(1, 86'400))
      ->excludes(count);
  arguments
      .add("-r,--rate", options.rate, "N",
           "Lookups per second in each phase [compare: no limit, failover: 5, storm: 2000]")
      ->check(CLI::Range(0.01, 1'000'000.0).description(""));
  arguments.add("--repeat", options.repeat, "N", "Rounds in which the phases alternate")
      ->check(between(1, 1'000))
      ->capture_default_str();
  arguments.add("-j,--concurrency", options.concurrency, "N", "Concurrent lookups [1; storm: 16]")
      ->check(between(1, 256));
  arguments
      .add("--limit", options.limit, "TIME",
           "Start no further lookup of a phase after this time [15s]")
      ->transform(seconds_between(1, 86'400));
}

Run declare(Arguments& arguments) {
  const auto options = std::make_shared<BenchOptions>();
  declare_what(arguments, *options);
  declare_how_much(arguments, *options);
  arguments.add_list("--servers", options->servers, "ADDRESS[:PORT]",
                     "Servers to compare with [those in use without the cache]");
  arguments.add("--cache", options->cache, "ADDRESS[:PORT]",
                "Address of the cache [where the engine listens]");
  auto* json = arguments.add_json(options->is_json);
  arguments.add_flag("--markdown", options->is_markdown, "Print Markdown, for a ticket")
      ->excludes(json);
  arguments.add("--html", options->html, "FILE", "Also write a page with charts to this file");
  return [options](const Invocation& invocation) {
    options->control = invocation.control;
    return run_bench(*options);
  };
}

}  // namespace

extern const Command bench_command = {"bench", "Measure lookups with and without the cache",
                                      "dnscachectl bench www.example.com", declare};

}  // namespace dnscache::cli
