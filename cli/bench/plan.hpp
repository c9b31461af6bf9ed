// What `bench` was asked to do, and what this machine has to say to it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/bench/clients.hpp"
#include "cli/bench/report.hpp"

namespace dnscache::cli {

/// The options of `bench`.
struct BenchOptions {
  std::filesystem::path control;  ///< of the engine
  std::string scenario = "compare";
  std::vector<std::string> names;
  std::filesystem::path file;  ///< more names, one a line; "-" is stdin
  std::vector<std::string> types = {"A", "AAAA"};
  std::string through = "resolver";          ///< resolver, getaddrinfo or wire
  std::string command;                       ///< --exec: instead of lookups; {} is the name
  std::optional<std::uint32_t> count;        ///< lookups of each name and type, each way
  std::optional<std::uint32_t> duration;     ///< seconds, instead of a count
  std::optional<double> rate;                ///< lookups begun per second, each way
  std::uint32_t repeat = 5;                  ///< rounds: A B A B
  std::optional<std::uint32_t> concurrency;  ///< lookups at the same time
  std::vector<std::string> servers;  ///< "before"; empty: what resolv.conf listed without us
  std::string cache;                 ///< "after"; empty: where the engine listens
  std::uint32_t limit = 15;          ///< seconds; no further lookup of a way is begun then
  bool is_json = false;
  bool is_markdown = false;
  std::filesystem::path html;  ///< empty: no page
};

/// What is to be measured.
struct BenchPlan {
  BenchOptions options;
  BenchReport report;  ///< tells the plan, and has no measurements yet
  std::vector<BenchQuestion> questions;
  ClientSettings before;    ///< who looks names up, and whom it asks without the cache
  Endpoint cache;           ///< of the scenario "compare"
  bool has_engine = false;  ///< the engine behind `cache` can be asked over `options.control`
  bool is_quiet = false;    ///< no progress

  /// Who looks names up, asking these servers.
  ClientSettings client_for(std::vector<Endpoint> servers) const;
};

Result<BenchPlan> make_plan(const BenchOptions& options);

/// The scenarios. An interrupted one returns what it has.
Result<BenchReport> run_compare(const BenchPlan& plan);
Result<BenchReport> run_failover(const BenchPlan& plan);
Result<BenchReport> run_storm(const BenchPlan& plan);

}  // namespace dnscache::cli
