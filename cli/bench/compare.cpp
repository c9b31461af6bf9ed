// The scenario "compare": the same lookups without the cache, through it cold, and warm.
#include <algorithm>

#include "cli/ask/control_client.hpp"
#include "cli/bench/load.hpp"
#include "cli/bench/plan.hpp"

namespace dnscache::cli {

namespace {

using std::chrono::duration;
using std::chrono::duration_cast;

constexpr std::uint32_t usual_count = 100;
constexpr std::uint32_t usual_count_of_commands = 10;
constexpr auto warm_up_limit = std::chrono::seconds(1);

/// The comparison while it is being made.
class Comparison {
 public:
  explicit Comparison(const BenchPlan& plan)
      : plan_(plan),
        report_(report_for(plan)),
        start_(BenchClock::now()),
        progress_("looking up without and with the cache", plan.is_quiet) {}

  Result<BenchReport> run() {
    if (const auto started = start_clients(); !started) return started.error();
    plan_rounds();
    warm_up();
    for (round_ = 0; round_ < report_.rounds && !is_bench_interrupted(); ++round_) {
      // A B B A: what drifts while the run goes on weighs on both alike.
      const bool is_before_first = round_ % 2 == 0;
      if (is_before_first) measure(before_, before_clients_);
      measure_cold();
      measure(warm_, cache_clients_);
      if (!is_before_first) measure(before_, before_clients_);
    }
    before_.passed_on = before_.measured();
    report_.is_interrupted = is_bench_interrupted();
    for (auto* phase : {&before_, &cold_, &warm_}) {
      if (phase->measured() > 0) report_.phases.push_back(std::move(*phase));
    }
    return std::move(report_);
  }

 private:
  Result<void> start_clients() {
    const auto threads = plan_.options.concurrency.value_or(1);
    auto before = make_clients(plan_.client_for(plan_.before), threads);
    if (!before) return before.error();
    auto cache = make_clients(plan_.client_for({plan_.cache}), threads);
    if (!cache) return cache.error();
    before_clients_ = std::move(*before);
    cache_clients_ = std::move(*cache);
    return {};
  }

  void plan_rounds() {
    const auto usual = plan_.through == Through::command ? usual_count_of_commands : usual_count;
    count_ = plan_.options.count.value_or(usual);
    report_.rounds = plan_.options.repeat;
    const bool is_timed = plan_.options.duration.has_value();
    if (!is_timed) report_.rounds = std::min<std::size_t>(report_.rounds, count_);
    report_.limit_seconds = is_timed ? 0 : plan_.options.limit;
    const auto seconds = plan_.options.duration.value_or(plan_.options.limit);
    time_of_a_way_ = duration_cast<BenchClock::duration>(duration<double>(seconds));
    before_.planned = warm_.planned = is_timed ? 0 : plan_.questions.size() * count_;
    report_.is_flushed = flush_names();
    cold_.planned = plan_.questions.size() * (report_.is_flushed ? report_.rounds : 1);
  }

  // Sockets, caches of the way and the processor's clock; through the cache the cold block does it.
  void warm_up() {
    Load load = load_until(BenchClock::now() + warm_up_limit);
    load.count = std::min<std::size_t>(plan_.questions.size(), 100);
    RunningLoad running(load, before_clients_);
    while (running.is_running() && !is_bench_interrupted()) running.wait(warm_up_limit);
  }

  Load load_until(BenchClock::time_point end) const {
    Load load;
    load.questions = &plan_.questions;
    load.begin_until = end;
    load.rate = plan_.options.rate.value_or(0);
    load.start = start_;
    return load;
  }

  // The time that is left of a way's limit, at most a round's part of it.
  BenchClock::duration time_for_block(const BenchClock::duration& used) const {
    const auto part = time_of_a_way_ / static_cast<int>(report_.rounds);
    return std::min<BenchClock::duration>(part, time_of_a_way_ - used);
  }

  void measure(BenchPhase& phase, const Clients& clients) {
    auto& used = &phase == &before_ ? before_used_ : warm_used_;
    Load load = load_until(BenchClock::now() + time_for_block(used));
    if (phase.planned > 0) {
      const auto share = [&](std::size_t round) { return count_ * round / report_.rounds; };
      load.count = (share(round_ + 1) - share(round_)) * plan_.questions.size();
    }
    const auto former = misses();
    used += run_block(phase, load, clients);
    add_passed_on(phase, former);
  }

  void measure_cold() {
    if (round_ > 0 && (!report_.is_flushed || !flush_names())) return;
    Load load = load_until(BenchClock::now() + time_for_block(cold_used_));
    load.count = plan_.questions.size();
    const auto former = misses();
    cold_used_ += run_block(cold_, load, cache_clients_);
    add_passed_on(cold_, former);
  }

  BenchClock::duration run_block(BenchPhase& phase, const Load& load, const Clients& clients) {
    if (is_bench_interrupted() || load.begin_until <= BenchClock::now()) return {};
    const auto began = BenchClock::now();
    RunningLoad running(load, clients);
    const auto measured = before_.measured() + cold_.measured() + warm_.measured();
    while (running.is_running() && !is_bench_interrupted()) {
      running.wait(std::chrono::milliseconds(50));
      const auto planned = before_.planned + cold_.planned + warm_.planned;
      if (before_.planned > 0) progress_.set_done(measured + running.done(), planned);
    }
    running.add_to(phase);
    return BenchClock::now() - began;
  }

  std::optional<std::uint64_t> misses() const {
    if (!plan_.has_engine) return {};
    const auto status = engine_status(plan_.control);
    return status ? std::optional(status->queries.misses) : std::nullopt;
  }

  void add_passed_on(BenchPhase& phase, std::optional<std::uint64_t> former) const {
    if (&phase == &before_) return;
    const auto now = misses();
    if (former && now && *now >= *former) {
      phase.passed_on = phase.passed_on.value_or(0) + *now - *former;
    }
  }

  bool flush_names() const {
    if (!plan_.has_engine) return false;
    return std::ranges::all_of(plan_.names, [&](const std::string& name) {
      return bool(ask_engine(plan_.control, {{"command", "flush"}, {"name", name}}));
    });
  }

  const BenchPlan& plan_;
  BenchReport report_;
  BenchClock::time_point start_;
  Progress progress_;
  BenchPhase before_{"before", "before", 0, {}, 0, {}};
  BenchPhase cold_{"cold", "cache, cold", 0, {}, 0, {}};
  BenchPhase warm_{"warm", "cache, warm", 0, {}, 0, {}};
  Clients before_clients_;
  Clients cache_clients_;
  std::size_t count_ = 0;
  std::size_t round_ = 0;
  BenchClock::duration time_of_a_way_{};
  BenchClock::duration before_used_{};
  BenchClock::duration cold_used_{};
  BenchClock::duration warm_used_{};
};

}  // namespace

Result<BenchReport> run_compare(const BenchPlan& plan) { return Comparison(plan).run(); }

}  // namespace dnscache::cli
