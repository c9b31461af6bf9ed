#include "cli/bench/load.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "cli/show/interrupt.hpp"

namespace dnscache::cli {

namespace {

constexpr auto watch_interval = std::chrono::milliseconds(10);
constexpr BenchClock::duration longest_sleep = std::chrono::milliseconds(50);  // Ctrl-C is noticed

/// A load while it is being made.
struct Work {
  Load load;
  std::vector<BenchQuestion> questions;
  BenchClock::time_point start;
  BenchClock::time_point begin = BenchClock::now();
  std::atomic<std::size_t> next = 0;
  std::atomic<std::size_t> done = 0;
  std::atomic<std::size_t> running = 0;  // threads
  std::mutex mutex = {};
  BenchPhase measured = {};

  bool may_go_on() const { return !is_interrupted() && BenchClock::now() < load.begin_until; }

  // Waits until the lookup is due; false when it is not to begin any more.
  bool is_due(std::size_t index) const {
    if (load.count && index >= *load.count) return false;
    if (load.rate > 0) {
      const auto offset = std::chrono::duration<double>(static_cast<double>(index) / load.rate);
      const auto due = begin + std::chrono::duration_cast<BenchClock::duration>(offset);
      if (due >= load.begin_until) return false;
      for (auto now = BenchClock::now(); now < due && may_go_on(); now = BenchClock::now()) {
        std::this_thread::sleep_for(std::min(longest_sleep, due - now));
      }
    }
    return may_go_on();
  }

  void run(const LookupClient& client) {
    for (auto index = next++; is_due(index); index = next++) {
      const auto& question = questions[index % questions.size()];
      if (load.before_each) load.before_each(question);
      const std::chrono::duration<double> offset = BenchClock::now() - start;
      const auto lookup = client.ask(question);
      const std::lock_guard lock(mutex);
      measured.samples.push_back({{offset.count(), lookup.duration.count()}, lookup.is_answer()});
      if (lookup.is_answer() && lookup.outcome != Outcome::answered) ++measured.without_data;
      if (measured.complaint.empty()) measured.complaint = lookup.complaint;
      ++done;
    }
    --running;
  }

  void finish() {
    const std::lock_guard lock(mutex);
    auto& phase = *load.phase;
    phase.samples.insert(phase.samples.end(), measured.samples.begin(), measured.samples.end());
    phase.without_data += measured.without_data;
    if (phase.complaint.empty()) phase.complaint = measured.complaint;
    if (running == 0) return;
    for (const auto& client : load.clients) client.abandon();
  }
};

}  // namespace

void run_loads(const std::vector<Load>& loads, const std::vector<BenchQuestion>& questions,
               BenchClock::time_point start, const std::function<void(std::size_t done)>& watch) {
  std::vector<std::shared_ptr<Work>> all;
  for (const auto& load : loads) {
    const auto& work = all.emplace_back(new Work{load, questions, start});
    const auto threads = std::min(load.clients.size(), load.count.value_or(load.clients.size()));
    work->running = threads;
    // Not waited for: one may be inside glibc for long when Ctrl-C comes.
    for (std::size_t i = 0; i < threads; ++i) {
      std::thread([work, i] { work->run(work->load.clients[i]); }).detach();
    }
  }
  const auto is_running = [](const auto& work) { return work->running > 0; };
  while (std::ranges::any_of(all, is_running) && !is_interrupted()) {
    std::this_thread::sleep_for(watch_interval);
    std::size_t done = 0;
    for (const auto& work : all) done += work->done;
    watch(done);
  }
  for (const auto& work : all) work->finish();
}

}  // namespace dnscache::cli
