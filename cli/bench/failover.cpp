// The scenario "failover": the first upstream falls silent while lookups go on.
#include <algorithm>
#include <fmt/format.h>
#include <thread>

#include "cli/ask/control_client.hpp"
#include "cli/bench/engine_copy.hpp"
#include "cli/bench/load.hpp"
#include "cli/bench/plan.hpp"
#include "cli/bench/relay.hpp"

namespace dnscache::cli {

namespace {

using std::chrono::duration;
using std::chrono::duration_cast;

constexpr double usual_rate = 5;
constexpr std::uint32_t usual_duration = 16;  // seconds
constexpr double engine_patience_s = 5;       // it answers before that, come what may
constexpr std::size_t most_threads = 256;
constexpr std::size_t fewest_servers = 2;

/// Looks names up through a copy of the engine that has forgotten them.
class ForgetfulClient : public LookupClient {
 public:
  ForgetfulClient(std::shared_ptr<LookupClient> client, std::filesystem::path control)
      : client_(std::move(client)), control_(std::move(control)) {}
  Lookup ask(const BenchQuestion& question) override {
    (void)ask_engine(control_, {{"command", "flush"}, {"name", question.name}});
    return client_->ask(question);
  }
  void abandon() override { client_->abandon(); }

 private:
  std::shared_ptr<LookupClient> client_;
  std::filesystem::path control_;
};

/// One way to look names up, with relays of its own, so that no way disturbs another.
struct Way {
  BenchPhase phase;
  std::vector<std::unique_ptr<Relay>> relays;
  std::unique_ptr<EngineCopy> copy;
  Clients clients;

  std::vector<Endpoint> relay_addresses() const {
    std::vector<Endpoint> addresses;
    for (const auto& relay : relays) addresses.push_back(relay->address());
    return addresses;
  }
};

/// The experiment while it runs.
class Failover {
 public:
  explicit Failover(const BenchPlan& plan)
      : plan_(plan),
        report_(report_for(plan)),
        seconds_(plan.options.duration.value_or(usual_duration)),
        rate_(plan.options.rate.value_or(usual_rate)),
        progress_("looking up while an upstream falls silent", plan.is_quiet) {
    ways_[0].phase = {"before", "no cache", 0, {}, 0, {}};
    ways_[1].phase = {"cold", "cache, cold", 0, {}, 0, {}};
    ways_[2].phase = {"warm", "cache, warm", 0, {}, 0, {}};
  }

  Result<BenchReport> run() {
    report_.cache = "copies of the engine on loopback, behind relays; nothing else was touched";
    if (const auto remark = left_out_of_copies(); !remark.empty()) {
      report_.remarks.push_back(remark);
    }
    servers_ = plan_.before;
    if (servers_.size() < fewest_servers) {
      servers_.push_back(servers_.front());
      report_.remarks.push_back(
          fmt::format("only {} is known: it stood for both servers, of which one fell silent",
                      servers_.front().to_text()));
    }
    for (auto& way : ways_) {
      if (const auto ready = prepare(way); !ready) return ready.error();
    }
    warm_up();
    look_up();
    report_.is_interrupted = is_bench_interrupted();
    for (auto& way : ways_) report_.phases.push_back(std::move(way.phase));
    return std::move(report_);
  }

 private:
  Result<void> prepare(Way& way) {
    for (const auto& server : servers_) {
      auto relay = Relay::start(server);
      if (!relay) return relay.error();
      way.relays.push_back(std::move(*relay));
    }
    auto asked = way.relay_addresses();
    if (way.phase.key != "before") {
      auto copy = EngineCopy::start({.upstreams = asked});
      if (!copy) return copy.error();
      way.copy = std::move(*copy);
      asked = {way.copy->address()};
    }
    // Enough for each lookup to begin when it is due, however long the others wait.
    const double patience = way.copy ? engine_patience_s
                                     : plan_.patience.timeout_seconds * plan_.patience.attempts *
                                           static_cast<double>(servers_.size());
    const auto threads = static_cast<std::size_t>(rate_ * std::min(seconds_, patience) + 2);
    auto clients = make_clients(plan_.client_for(asked), std::min(threads, most_threads));
    if (!clients) return clients.error();
    way.clients = std::move(*clients);
    if (way.phase.key != "cold") return {};
    for (auto& client : way.clients) {
      client = std::make_shared<ForgetfulClient>(std::move(client), way.copy->control());
    }
    return {};
  }

  Load load(BenchClock::time_point end) const {
    Load out;
    out.questions = &plan_.questions;
    out.begin_until = end;
    out.start = start_;
    return out;
  }

  void warm_up() {
    for (auto& way : ways_) {
      Load once = load(BenchClock::now() + std::chrono::seconds(1));
      once.count = std::min<std::size_t>(plan_.questions.size(), 1000);
      RunningLoad running(once, {way.clients.front()});
      while (running.is_running() && !is_bench_interrupted()) {
        running.wait(std::chrono::seconds(1));
      }
    }
  }

  void look_up() {
    start_ = BenchClock::now();
    const auto whole = duration<double>(seconds_);
    report_.silence = Silence{servers_.front().to_text(), whole.count() / 4, whole.count() * 3 / 4};
    const auto end = start_ + duration_cast<BenchClock::duration>(whole);
    std::vector<std::unique_ptr<RunningLoad>> running;
    for (auto& way : ways_) {
      Load paced = load(end);
      paced.rate = rate_;
      running.push_back(std::make_unique<RunningLoad>(paced, way.clients));
    }
    const auto is_running = [&] {
      return std::ranges::any_of(running, [](const auto& one) { return one->is_running(); });
    };
    while (is_running() && !is_bench_interrupted()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      const duration<double> now = BenchClock::now() - start_;
      set_silent(now.count() >= report_.silence->from_s && now.count() < report_.silence->until_s);
      std::size_t done = 0;
      for (const auto& one : running) done += one->done();
      progress_.set_done(done, static_cast<std::size_t>(rate_ * seconds_) * std::size(ways_));
    }
    for (std::size_t i = 0; i < running.size(); ++i) running[i]->add_to(ways_[i].phase);
    for (auto& way : ways_) way.phase.passed_on = packets_of(way);
  }

  void set_silent(bool is_silent) {
    for (auto& way : ways_) way.relays.front()->set_silent(is_silent);
  }

  std::uint64_t packets_of(const Way& way) const {
    std::uint64_t packets = 0;
    for (const auto& relay : way.relays) {
      const auto all = relay->packets();
      packets += static_cast<std::uint64_t>(
          std::ranges::count_if(all, [&](const auto& when) { return when >= start_; }));
    }
    return packets;
  }

  const BenchPlan& plan_;
  BenchReport report_;
  double seconds_;
  double rate_;
  Progress progress_;
  std::vector<Endpoint> servers_;
  Way ways_[3];
  BenchClock::time_point start_ = BenchClock::now();
};

}  // namespace

Result<BenchReport> run_failover(const BenchPlan& plan) { return Failover(plan).run(); }

}  // namespace dnscache::cli
