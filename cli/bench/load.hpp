// Makes many lookups with several clients at once and notes when each began and how long it took.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "cli/bench/clients.hpp"
#include "cli/bench/report.hpp"

namespace dnscache::cli {

using BenchClock = std::chrono::steady_clock;

/// True from the first Ctrl-C or SIGTERM on, once catch_interrupts() was called. A second one ends
/// the process at once.
bool is_bench_interrupted();
void catch_interrupts();
/// The signal that came.
int interrupting_signal();

/// The clients of one way to look names up, kept from one block of lookups to the next.
using Clients = std::vector<std::shared_ptr<LookupClient>>;

Result<Clients> make_clients(const ClientSettings& settings, std::size_t count);

/// A block of lookups.
struct Load {
  const std::vector<BenchQuestion>* questions = nullptr;  ///< taken in turn
  std::size_t first = 0;                                  ///< index of the first question
  std::optional<std::size_t> count;                       ///< lookups; none: until `begin_until`
  BenchClock::time_point begin_until;                     ///< no lookup begins later
  double rate = 0;               ///< lookups begun per second at most; 0: no limit
  BenchClock::time_point start;  ///< of the run: what Sample::start_s counts from
};

/// Lookups that are being made by threads of their own.
class RunningLoad {
 public:
  RunningLoad(const Load& load, Clients clients);
  ~RunningLoad();
  RunningLoad(const RunningLoad&) = delete;
  RunningLoad& operator=(const RunningLoad&) = delete;

  std::size_t done() const;
  bool is_running() const;
  /// Waits `time` at most, less when everything is done or the run was interrupted.
  void wait(std::chrono::milliseconds time);
  /// What was measured so far.
  void add_to(BenchPhase& phase) const;

 private:
  struct Work;
  std::shared_ptr<Work> work_;  // shared with threads that wait inside glibc when Ctrl-C comes
};

}  // namespace dnscache::cli
