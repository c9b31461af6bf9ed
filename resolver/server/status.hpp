// What the engine tells about itself, as JSON.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "resolver/base/counters.hpp"
#include "resolver/resolve.hpp"
#include "resolver/server/worker.hpp"

namespace dnscache {

/// What is written against what is in force.
struct ConfigState {
  std::filesystem::path file;         ///< empty: none was read
  std::vector<std::string> problems;  ///< why it is not in force; empty: it is, or was when read
  bool has_changed = false;           ///< the file is another one than when it was read
  TimePoint in_force_since{};
};

/// Everything that a status report is made of.
struct StatusSources {
  const Config& config;
  ConfigState config_state;
  const Cache& cache;
  const Resolver& resolver;
  const std::vector<std::unique_ptr<Worker>>& workers;
  const QueryStats& late_stats;
  TimePoint started_at;
  std::uint64_t query_log_dropped = 0;  ///< lines
  Name probe_zone{};
  std::uint64_t reloads = 0;  ///< that worked
  std::uint64_t failed_reloads = 0;
  MemoryShares memory{};
  std::int64_t tcp_unsent = 0;  ///< bytes of replies that clients have not read
};

QueryTotals query_totals(const StatusSources& sources);

/// Memory of this process, in bytes.
std::uint64_t resident_memory();

/// The packets of all groups beyond one for each question.
struct ExtraPackets {
  std::uint64_t asked = 0;
  std::uint64_t won = 0;  ///< of these, they brought the first answer
};

ExtraPackets extra_packets(const StatusSources& sources);

double in_seconds(Duration duration);

/// One line of JSON, `"schema": 1`; its shape is documented in dnscachectl(1), STATUS AS JSON.
std::string status_as_json(const StatusSources& sources);

}  // namespace dnscache
