// The scenario "failover": the first upstream falls silent while lookups go on.
#include <algorithm>
#include <fmt/format.h>

#include "cli/ask/control_client.hpp"
#include "cli/bench/load.hpp"
#include "cli/bench/plan.hpp"
#include "cli/bench/relay.hpp"
#include "cli/show/interrupt.hpp"

namespace dnscache::cli {

namespace {

constexpr double usual_rate = 5;
constexpr std::uint32_t usual_duration = 16;  // seconds
constexpr double engine_patience_s = 5;       // it answers before that, come what may
constexpr std::size_t most_threads = 256;
constexpr std::size_t fewest_servers = 2;

/// One way to look names up, with relays of its own, so that no way disturbs another.
struct Way {
  BenchPhase phase;
  Relays relays = {};
  EngineCopy copy = {};
  Load load = {};
};

/// The experiment while it runs.
class Failover {
 public:
  explicit Failover(const BenchPlan& plan)
      : plan_(plan),
        report_(plan.report),
        seconds_(plan.options.duration.value_or(usual_duration)),
        rate_(plan.options.rate.value_or(usual_rate)),
        servers_(plan.before.servers) {}

  Result<BenchReport> run() {
    report_.cache = "copies of the engine on loopback, behind relays; nothing else was touched";
    report_.remarks = left_out_of_copies();
    if (servers_.size() < fewest_servers) {
      servers_.push_back(servers_.front());
      report_.remarks.push_back(
          fmt::format("only {} is known: it stood for both servers, of which one fell silent",
                      servers_.front().to_text()));
    }
    for (auto& way : ways_) {
      if (const auto ready = prepare(way); !ready) return ready.error();
    }
    for (const auto& way : ways_) warm_up(way.load);
    look_up();
    report_.is_interrupted = is_interrupted();
    for (auto& way : ways_) report_.phases.push_back(std::move(way.phase));
    return std::move(report_);
  }

 private:
  Result<void> prepare(Way& way) {
    auto relays = start_relays(servers_);
    if (!relays) return relays.error();
    way.relays = std::move(*relays);
    auto asked = addresses_of(way.relays);
    double patience = plan_.before.patience.timeout_seconds * plan_.before.patience.attempts *
                      static_cast<double>(servers_.size());
    if (way.phase.key != "before") {
      if (const auto started = way.copy.start(asked); !started) return started.error();
      asked = {way.copy.address()};
      patience = engine_patience_s;
    }
    // Enough for each lookup to begin when it is due, however long the others wait.
    const auto threads = static_cast<std::size_t>(rate_ * std::min(seconds_, patience) + 2);
    auto clients = make_clients(plan_.client_for(asked), std::min(threads, most_threads));
    if (!clients) return clients.error();
    way.load = {.clients = std::move(*clients), .phase = &way.phase, .rate = rate_};
    if (way.phase.key != "cold") return {};
    way.load.before_each = [control = way.copy.control()](const BenchQuestion& question) {
      (void)ask_engine(control, {{"command", "flush"}, {"name", question.name}});
    };
    return {};
  }

  void warm_up(Load load) const {
    BenchPhase not_counted;
    load.phase = &not_counted;
    load.clients.resize(1);
    load.count = plan_.questions.size();
    load.begin_until = BenchClock::now() + std::chrono::seconds(1);
    run_loads({load}, plan_.questions, BenchClock::now());
  }

  void look_up() {
    const Silence silence{servers_.front().to_text(), seconds_ / 4, seconds_ * 3 / 4};
    report_.silence = silence;
    const auto start = BenchClock::now();
    std::vector<Load> loads;
    for (auto& way : ways_) {
      way.load.begin_until = start + std::chrono::duration_cast<BenchClock::duration>(
                                         std::chrono::duration<double>(seconds_));
      loads.push_back(way.load);
    }
    Progress progress("looking up while an upstream falls silent", plan_.is_quiet);
    const auto planned = static_cast<std::size_t>(rate_ * seconds_) * std::size(ways_);
    run_loads(loads, plan_.questions, start, [&](std::size_t done) {
      const double now = std::chrono::duration<double>(BenchClock::now() - start).count();
      const bool is_silent = now >= silence.from_seconds && now < silence.until_seconds;
      for (auto& way : ways_) way.relays.front()->set_silent(is_silent);
      progress.set_done(done, planned);
    });
    for (auto& way : ways_) {
      way.phase.passed_on = 0;
      for (const auto& relay : way.relays) {
        *way.phase.passed_on += relay->packets_since(start).size();
      }
    }
  }

  const BenchPlan& plan_;
  BenchReport report_;
  double seconds_;
  double rate_;
  std::vector<Endpoint> servers_;
  Way ways_[3] = {{{"before", "no cache"}}, {{"cold", "cache, cold"}}, {{"warm", "cache, warm"}}};
};

}  // namespace

Result<BenchReport> run_failover(const BenchPlan& plan) { return Failover(plan).run(); }

}  // namespace dnscache::cli
