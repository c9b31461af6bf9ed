// The scenario "storm": many lookups through a copy of the engine, and what reaches the upstream.
#include <sys/resource.h>

#include <algorithm>
#include <fmt/format.h>

#include "cli/bench/engine_copy.hpp"
#include "cli/bench/load.hpp"
#include "cli/bench/plan.hpp"
#include "cli/bench/relay.hpp"
#include "cli/show/output.hpp"
#include "resolver/upstream/quota.hpp"

namespace dnscache::cli {

namespace {

using std::chrono::duration;

constexpr double usual_rate = 2000;
constexpr std::uint32_t usual_duration = 10;  // seconds
constexpr std::uint32_t usual_concurrency = 16;
constexpr std::uint32_t vpc_quota = 1024;  // packets per second (Amazon VPC user guide)

// The relay has a socket for each question on its way.
void allow_more_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void count_into(std::vector<std::uint64_t>& seconds, double at) {
  if (at < 0 || seconds.empty()) return;
  ++seconds[std::min(static_cast<std::size_t>(at), seconds.size() - 1)];
}

Storm count_seconds(const BenchPhase& phase, const std::vector<std::unique_ptr<Relay>>& relays,
                    BenchClock::time_point start, std::uint32_t length) {
  Storm storm;
  storm.quota = vpc_quota;
  storm.lookups.resize(length);
  storm.packets.resize(length);
  for (const auto& sample : phase.samples) count_into(storm.lookups, sample.start_s);
  for (const auto& relay : relays) {
    for (const auto& when : relay->packets()) {
      const duration<double> at = when - start;
      count_into(storm.packets, at.count());
      if (at.count() >= 0) ++storm.packets_total;
    }
  }
  return storm;
}

}  // namespace

Result<BenchReport> run_storm(const BenchPlan& plan) {
  allow_more_descriptors();
  auto report = report_for(plan);
  report.cache = "a copy of the engine on loopback, behind a relay that counts";
  if (const auto remark = left_out_of_copies(); !remark.empty()) {
    report.remarks.push_back(remark);
  }
  const auto length = plan.options.duration.value_or(usual_duration);
  const auto rate = plan.options.rate.value_or(usual_rate);

  std::vector<std::unique_ptr<Relay>> relays;
  CopySettings settings;
  for (const auto& server : plan.before) {
    auto relay = Relay::start(server);
    if (!relay) return relay.error();
    settings.upstreams.push_back((*relay)->address());
    settings.quota = std::max(settings.quota, quota_for(server, {}));
    relays.push_back(std::move(*relay));
  }
  const auto copy = EngineCopy::start(settings);
  if (!copy) return copy.error();
  const auto clients = make_clients(plan.client_for({(*copy)->address()}),
                                    plan.options.concurrency.value_or(usual_concurrency));
  if (!clients) return clients.error();

  BenchPhase phase{"storm", "cache", 0, {}, 0, {}};
  phase.planned = static_cast<std::size_t>(rate * length);
  Load load;
  load.questions = &plan.questions;
  load.rate = rate;
  load.start = BenchClock::now();
  load.begin_until = load.start + std::chrono::seconds(length);
  {
    Progress progress("looking up through the cache", plan.is_quiet);
    RunningLoad running(load, *clients);
    while (running.is_running() && !is_bench_interrupted()) {
      running.wait(std::chrono::milliseconds(50));
      progress.set_done(running.done(), phase.planned);
    }
    running.add_to(phase);
  }
  report.storm = count_seconds(phase, relays, load.start, length);
  phase.passed_on = report.storm->packets_total;
  report.is_interrupted = is_bench_interrupted();
  if (phase.measured() * 10 < phase.planned * 9 && !report.is_interrupted) {
    report.remarks.push_back(
        fmt::format("this machine made {} lookups of the {} that --rate asks for; more "
                    "--concurrency may help",
                    format_count(phase.measured()), format_count(phase.planned)));
  }
  report.phases.push_back(std::move(phase));
  return report;
}

}  // namespace dnscache::cli
