// What `bench` measured, as a table, a sentence and JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/output.hpp"
#include "cli/statistics.hpp"

namespace dnscache::cli {

/// The measurements of one way to look names up.
struct BenchPhase {
  std::string key;  ///< before, cold or warm
  std::string title;
  std::size_t planned = 0;          ///< lookups
  std::vector<double> answered_ms;  ///< NXDOMAIN and "no such record" are answers
  std::vector<double> failed_ms;
  std::size_t without_data = 0;  ///< answers that were "no such name" or "no such record"
  /// Lookups that were passed on to an upstream; absent when the engine could not be asked.
  std::optional<std::uint64_t> passed_on;

  std::size_t measured() const { return answered_ms.size() + failed_ms.size(); }
};

/// A whole run of `bench`.
struct BenchReport {
  std::vector<std::string> names;
  std::vector<std::string> types;
  std::vector<std::string> before_servers;
  std::string servers_from;  ///< where they were found, in words
  std::string cache;
  bool is_flushed = false;  ///< the names were flushed before each cold lookup
  bool is_interrupted = false;
  std::uint32_t limit_seconds = 0;
  std::vector<BenchPhase> phases;

  const BenchPhase* phase(const std::string& key) const;
};

/// The one plain sentence: what the cache changed, or that it changed nothing.
std::string conclusion(const BenchReport& report);

std::string to_text(const BenchReport& report, const Terminal& terminal);
nlohmann::json to_json(const BenchReport& report);

}  // namespace dnscache::cli
