// The scenario "compare": the same lookups without the cache, through it cold, and warm.
#include <algorithm>

#include "cli/ask/control_client.hpp"
#include "cli/bench/load.hpp"
#include "cli/bench/plan.hpp"
#include "cli/show/interrupt.hpp"

namespace dnscache::cli {

namespace {

constexpr std::uint32_t usual_count = 100;
constexpr std::uint32_t usual_count_of_commands = 10;
constexpr std::size_t most_to_warm_up = 100;
constexpr auto warm_up_limit = std::chrono::seconds(1);

/// One way to look names up.
struct Way {
  BenchPhase phase;
  Clients clients = {};
  BenchClock::duration used = {};
};

/// The comparison while it is being made.
class Comparison {
 public:
  explicit Comparison(const BenchPlan& plan)
      : plan_(plan),
        report_(plan.report),
        is_timed_(plan.options.duration.has_value()),
        count_(plan.options.count.value_or(plan.options.command.empty() ? usual_count
                                                                        : usual_count_of_commands)),
        progress_("looking up without and with the cache", plan.is_quiet) {}

  Result<BenchReport> run() {
    if (const auto started = start_clients(); !started) return started.error();
    plan_rounds();
    warm_up();
    for (std::size_t round = 0; round < report_.rounds && !is_interrupted(); ++round) {
      // A B B A: what drifts while the run goes on weighs on both alike.
      const bool is_before_first = round % 2 == 0;
      if (is_before_first) measure(before_, count_in(round));
      if (round == 0 || flush_names()) measure(cold_, plan_.questions.size());
      measure(warm_, count_in(round));
      if (!is_before_first) measure(before_, count_in(round));
    }
    before_.phase.passed_on = before_.phase.measured();
    report_.is_interrupted = is_interrupted();
    for (auto* way : {&before_, &cold_, &warm_}) {
      if (way->phase.measured() > 0) report_.phases.push_back(std::move(way->phase));
    }
    return std::move(report_);
  }

 private:
  Result<void> start_clients() {
    for (auto* way : {&before_, &warm_}) {
      auto clients = make_clients(way == &before_ ? plan_.before : plan_.client_for({plan_.cache}),
                                  plan_.options.concurrency.value_or(1));
      if (!clients) return clients.error();
      way->clients = std::move(*clients);
    }
    cold_.clients = warm_.clients;
    return {};
  }

  void plan_rounds() {
    const auto& options = plan_.options;
    report_.is_flushed = flush_names();
    report_.rounds = options.repeat;
    limit_ = std::chrono::seconds(options.duration.value_or(options.limit));
    if (!is_timed_) {
      report_.rounds = std::min<std::size_t>(report_.rounds, count_);
      report_.limit_seconds = options.limit;
      before_.phase.planned = warm_.phase.planned = plan_.questions.size() * count_;
    }
    cold_.phase.planned = plan_.questions.size() * (report_.is_flushed ? report_.rounds : 1);
  }

  // Lookups of a round; none: as many as its time allows.
  std::optional<std::size_t> count_in(std::size_t round) const {
    if (is_timed_) return {};
    const auto share = [&](std::size_t rounds) { return count_ * rounds / report_.rounds; };
    return (share(round + 1) - share(round)) * plan_.questions.size();
  }

  // Sockets, caches of the way and the processor's clock; through the cache the cold block does it.
  void warm_up() {
    BenchPhase not_counted;
    look_up(before_, not_counted, std::min(plan_.questions.size(), most_to_warm_up), warm_up_limit);
  }

  // A way has the time that is left of its limit, at most a round's part of it.
  void measure(Way& way, std::optional<std::size_t> count) {
    const auto time = std::min(limit_ / static_cast<int>(report_.rounds), limit_ - way.used);
    if (is_interrupted() || time <= BenchClock::duration::zero()) return;
    const auto former = misses();
    const auto began = BenchClock::now();
    look_up(way, way.phase, count, time);
    way.used += BenchClock::now() - began;
    const auto now = misses();
    if (former && now && *now >= *former) {
      way.phase.passed_on = way.phase.passed_on.value_or(0) + *now - *former;
    }
  }

  void look_up(const Way& way, BenchPhase& phase, std::optional<std::size_t> count,
               BenchClock::duration time) {
    const Load load{way.clients, &phase, count, BenchClock::now() + time,
                    plan_.options.rate.value_or(0)};
    const auto measured = [](const Way& one) { return one.phase.measured(); };
    const auto former = measured(before_) + measured(cold_) + measured(warm_);
    const auto planned = before_.phase.planned + cold_.phase.planned + warm_.phase.planned;
    run_loads({load}, plan_.questions, start_, [&](std::size_t done) {
      if (!is_timed_) progress_.set_done(former + done, planned);
    });
  }

  std::optional<std::uint64_t> misses() const {
    if (!plan_.has_engine) return {};
    const auto status = engine_status(plan_.options.control);
    return status ? std::optional(status->queries.misses) : std::nullopt;
  }

  bool flush_names() const {
    return plan_.has_engine && std::ranges::all_of(report_.names, [&](const std::string& name) {
             return bool(ask_engine(plan_.options.control, {{"command", "flush"}, {"name", name}}));
           });
  }

  const BenchPlan& plan_;
  BenchReport report_;
  bool is_timed_;
  std::size_t count_;  // of lookups of each question
  BenchClock::time_point start_ = BenchClock::now();
  Progress progress_;
  Way before_{{"before", "before"}};
  Way cold_{{"cold", "cache, cold"}};
  Way warm_{{"warm", "cache, warm"}};
  BenchClock::duration limit_{};  // of each way
};

}  // namespace

Result<BenchReport> run_compare(const BenchPlan& plan) { return Comparison(plan).run(); }

}  // namespace dnscache::cli
