// Makes many lookups with several clients at once and notes when each began and how long it took.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include "cli/bench/clients.hpp"
#include "cli/bench/report.hpp"

namespace dnscache::cli {

using BenchClock = std::chrono::steady_clock;

/// A block of lookups.
struct Load {
  Clients clients;                          ///< a thread for each
  BenchPhase* phase = nullptr;              ///< where the measurements are added
  std::optional<std::size_t> count = {};    ///< lookups; none: until `begin_until`
  BenchClock::time_point begin_until = {};  ///< no lookup begins later
  double rate = 0;                          ///< lookups begun per second at most; 0: no limit
  std::function<void(const BenchQuestion&)> before_each = {};  ///< not measured
};

/// Makes the lookups of all loads at the same time, asking the questions in turn, until they are
/// done or the run is interrupted. Sample::start_s counts from `start`. `watch` is called again and
/// again with the number of lookups that are done.
void run_loads(
    const std::vector<Load>& loads, const std::vector<BenchQuestion>& questions,
    BenchClock::time_point start,
    const std::function<void(std::size_t done)>& watch = [](std::size_t) {});

}  // namespace dnscache::cli
