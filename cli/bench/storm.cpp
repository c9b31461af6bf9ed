// The scenario "storm": many lookups through a copy of the engine, and what reaches the upstream.
#include <algorithm>
#include <fmt/format.h>

#include "cli/bench/load.hpp"
#include "cli/bench/plan.hpp"
#include "cli/bench/relay.hpp"
#include "cli/show/interrupt.hpp"
#include "resolver/base/descriptor_limit.hpp"
#include "resolver/upstream/quota.hpp"

namespace dnscache::cli {

namespace {

constexpr double usual_rate = 2000;
constexpr std::uint32_t usual_duration = 10;  // seconds
constexpr std::uint32_t usual_concurrency = 16;

Storm count_seconds(const BenchPhase& phase, const Relays& relays, BenchClock::time_point start,
                    std::uint32_t length) {
  Storm storm;
  storm.lookups_each_second.resize(length);
  storm.packets_each_second.resize(length);
  const auto second = [&](double at) {
    return std::min(static_cast<std::uint32_t>(at), length - 1);
  };
  for (const auto& sample : phase.samples) ++storm.lookups_each_second[second(sample.start_s)];
  for (const auto& relay : relays) {
    for (const double at : relay->packets_since(start)) {
      ++storm.packets_each_second[second(at)];
      ++storm.packets;
    }
  }
  return storm;
}

}  // namespace

Result<BenchReport> run_storm(const BenchPlan& plan) {
  allow_more_descriptors();  // the relay has a socket for each question on its way
  auto report = plan.report;
  report.cache = "a copy of the engine on loopback, behind a relay that counts";
  report.remarks = left_out_of_copies();
  const auto length = plan.options.duration.value_or(usual_duration);

  const auto relays = start_relays(plan.before.servers);
  if (!relays) return relays.error();
  std::uint32_t quota = 0;
  for (const auto& server : plan.before.servers) quota = std::max(quota, quota_for(server, {}));
  EngineCopy copy;
  const auto started = copy.start(addresses_of(*relays), quota);
  if (!started) return started.error();
  const auto clients = make_clients(plan.client_for({copy.address()}),
                                    plan.options.concurrency.value_or(usual_concurrency));
  if (!clients) return clients.error();

  BenchPhase phase{"storm", "cache"};
  const double rate = plan.options.rate.value_or(usual_rate);
  phase.planned = static_cast<std::size_t>(rate * length);
  const auto start = BenchClock::now();
  const Load load = {.clients = *clients,
                     .phase = &phase,
                     .begin_until = start + std::chrono::seconds(length),
                     .rate = rate};
  Progress progress("looking up through the cache", plan.is_quiet);
  run_loads({load}, plan.questions, start,
            [&](std::size_t done) { progress.set_done(done, phase.planned); });
  progress.finish();

  report.storm = count_seconds(phase, *relays, start, length);
  phase.passed_on = report.storm->packets;
  report.is_interrupted = is_interrupted();
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
