// `dnscachectl bench`: the same lookups through the system's former servers and through the cache.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "resolver/error.hpp"

namespace dnscache::cli {

/// What `bench` was asked to do.
struct BenchOptions {
  std::filesystem::path control;  ///< empty: what the configuration says
  std::vector<std::string> names;
  std::vector<std::string> types = {"A", "AAAA"};
  std::uint32_t count = 100;         ///< lookups of each name and type per phase
  std::uint32_t concurrency = 1;     ///< threads, each with its own res_state
  std::vector<std::string> servers;  ///< "before"; empty: what resolv.conf listed without us
  std::string cache;                 ///< "after"; empty: where the engine listens
  std::uint32_t limit = 15;          ///< seconds; no further lookup of a phase is started then
  bool is_json = false;
};

Result<ExitCode> run_bench(const BenchOptions& options);

}  // namespace dnscache::cli
