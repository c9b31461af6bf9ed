#include "cli/bench/load.hpp"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace dnscache::cli {

namespace {

// Written by a signal handler, read by the threads that look up.
std::atomic<int> came = 0;
static_assert(std::atomic<int>::is_always_lock_free);

void note_interrupt(int number) { came = number; }

}  // namespace

bool is_bench_interrupted() { return came != 0; }

int interrupting_signal() { return came; }

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = note_interrupt;
  action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
}

Result<Clients> make_clients(const ClientSettings& settings, std::size_t count) {
  Clients clients;
  for (std::size_t i = 0; i < count; ++i) {
    auto client = make_client(settings);
    if (!client) return client.error();
    clients.push_back(std::move(*client));
  }
  return clients;
}

struct RunningLoad::Work {
  std::vector<BenchQuestion> questions;
  Load load;
  BenchClock::time_point begin;
  Clients clients;
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> is_abandoned = false;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::vector<Sample> done;
  std::size_t without_data = 0;
  std::size_t running = 0;

  bool may_go_on() const {
    return !is_abandoned && !is_bench_interrupted() && BenchClock::now() < load.begin_until;
  }

  // Waits until the lookup is due; false when it is not to begin any more.
  bool is_due(std::size_t index) {
    if (load.count && index >= *load.count) return false;
    if (load.rate > 0) {
      const auto offset = std::chrono::duration<double>(static_cast<double>(index) / load.rate);
      const auto due = begin + std::chrono::duration_cast<BenchClock::duration>(offset);
      if (due >= load.begin_until) return false;
      for (auto now = BenchClock::now(); now < due && may_go_on(); now = BenchClock::now()) {
        const BenchClock::duration slice = std::chrono::milliseconds(50);  // Ctrl-C is looked for
        std::this_thread::sleep_for(std::min(slice, due - now));
      }
    }
    return may_go_on();
  }

  void run(LookupClient& client) {
    for (auto index = next++; is_due(index); index = next++) {
      const auto started = BenchClock::now();
      const auto lookup = client.ask(questions[(load.first + index) % questions.size()]);
      const std::chrono::duration<double> offset = started - load.start;
      const std::lock_guard lock(mutex);
      done.push_back({offset.count(), lookup.duration.count(), lookup.is_answer()});
      if (lookup.is_answer() && lookup.outcome != Outcome::answered) ++without_data;
    }
    const std::lock_guard lock(mutex);
    --running;
    changed.notify_all();
  }
};

RunningLoad::RunningLoad(const Load& load, Clients clients) : work_(std::make_shared<Work>()) {
  work_->questions = *load.questions;
  work_->load = load;
  work_->begin = BenchClock::now();
  work_->clients = std::move(clients);
  auto threads = work_->clients.size();
  if (load.count) threads = std::min(threads, *load.count);
  work_->running = threads;
  for (std::size_t i = 0; i < threads; ++i) {
    std::thread([work = work_, client = work_->clients[i]] { work->run(*client); }).detach();
  }
}

RunningLoad::~RunningLoad() {
  if (!is_running()) return;
  work_->is_abandoned = true;
  for (const auto& client : work_->clients) client->abandon();
}

std::size_t RunningLoad::done() const {
  const std::lock_guard lock(work_->mutex);
  return work_->done.size();
}

bool RunningLoad::is_running() const {
  const std::lock_guard lock(work_->mutex);
  return work_->running > 0;
}

void RunningLoad::wait(std::chrono::milliseconds time) {
  const auto deadline = BenchClock::now() + time;
  std::unique_lock lock(work_->mutex);
  while (work_->running > 0 && !is_bench_interrupted() && BenchClock::now() < deadline) {
    work_->changed.wait_until(
        lock, std::min(deadline, BenchClock::now() + std::chrono::milliseconds(50)));
  }
}

void RunningLoad::add_to(BenchPhase& phase) const {
  const std::lock_guard lock(work_->mutex);
  phase.samples.insert(phase.samples.end(), work_->done.begin(), work_->done.end());
  phase.without_data += work_->without_data;
}

}  // namespace dnscache::cli
