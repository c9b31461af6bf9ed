// The options of `bench` parsed, and what this machine has to say to them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/bench/clients.hpp"
#include "cli/bench/options.hpp"
#include "cli/bench/report.hpp"

namespace dnscache::cli {

/// What is to be measured.
struct BenchPlan {
  std::vector<BenchQuestion> questions;
  std::vector<std::string> names;  ///< each once, for the report
  std::vector<Endpoint> before;    ///< the servers without the cache
  std::string before_from;         ///< where they were found, in words
  Endpoint cache;                  ///< of the scenario "compare"
  bool has_engine = false;         ///< the engine behind `cache` can be asked over `control`
  std::filesystem::path control;
  Through through = Through::resolver;
  Patience patience;
  BenchOptions options;
  bool is_quiet = false;  ///< no progress

  ClientSettings client_for(std::vector<Endpoint> servers) const;
};

Result<BenchPlan> make_plan(const BenchOptions& options);

/// A report that tells the plan and has no measurements yet.
BenchReport report_for(const BenchPlan& plan);

/// The scenarios. An interrupted one returns what it has.
Result<BenchReport> run_compare(const BenchPlan& plan);
Result<BenchReport> run_failover(const BenchPlan& plan);
Result<BenchReport> run_storm(const BenchPlan& plan);

}  // namespace dnscache::cli
