#include "cli/bench/options.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fmt/format.h>
#include <fstream>

#include "cli/bench/load.hpp"
#include "cli/bench/plan.hpp"
#include "cli/show/output.hpp"

namespace dnscache::cli {

namespace {

Result<BenchReport> measure(const BenchPlan& plan) {
  if (plan.options.scenario == "failover") return run_failover(plan);
  if (plan.options.scenario == "storm") return run_storm(plan);
  return run_compare(plan);
}

Result<void> write_page(const BenchReport& report, const std::filesystem::path& path) {
  std::ofstream file(path, std::ios::trunc);
  if (!(file << to_html(report) << std::flush)) {
    return system_error("cannot write " + path.string(), errno);
  }
  print_message("wrote " + path.string());
  return {};
}

// Before minutes are spent on it.
Result<void> check_page(const std::filesystem::path& path) {
  if (path.empty()) return {};
  const std::ofstream file(path, std::ios::app);
  if (file) return {};
  return system_error("cannot write " + path.string(), errno);
}

Result<void> show(const BenchReport& report, const BenchOptions& options) {
  if (options.is_json) {
    print_json(to_json(report));
  } else if (options.is_markdown) {
    print(to_markdown(report));
  } else {
    print(to_text(report, Terminal::of(STDOUT_FILENO)));
  }
  return options.html.empty() ? Result<void>{} : write_page(report, options.html);
}

// Lookups through the cache were answered, of whatever kind they were.
bool is_answered(const BenchReport& report) {
  const auto& last = report.phases;
  return !last.empty() && last.back().key != "before" && !last.back().answered_ms().empty();
}

}  // namespace

Result<ExitCode> run_bench(const BenchOptions& options) {
  const auto plan = make_plan(options);
  if (!plan) return plan.error();
  if (const auto checked = check_page(options.html); !checked) return checked.error();
  catch_interrupts();
  const auto report = measure(*plan);
  if (report) {
    const auto shown = show(*report, options);
    if (!shown) return shown.error();
  }
  // A shell wants to see that Ctrl-C ended us, and threads may still wait inside glibc.
  if (is_bench_interrupted()) (void)::raise(interrupting_signal());
  if (!report) return report.error();
  return is_answered(*report) ? ExitCode::done : ExitCode::failure;
}

}  // namespace dnscache::cli
