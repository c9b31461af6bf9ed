#include "cli/commands/status_verdict.hpp"

#include <algorithm>
#include <array>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <optional>

#include "cli/commands/status.hpp"
#include "resolver/base/text.hpp"

namespace dnscache::cli {

namespace {

using Reason = std::optional<std::string>;

Reason why_stopped(const StatusReport& report) {
  if (report.is_running) return {};
  const auto lookups = report.lookups_without_cache();
  if (report.paused_until) {
    return fmt::format("paused until {:%H:%M:%S}; {}; 'dnscachectl resume' ends it",
                       fmt::localtime(std::chrono::system_clock::to_time_t(*report.paused_until)),
                       lookups);
  }
  if (!report.is_set_up) return "not set up on this machine; " + lookups;
  return fmt::format("the engine does not run; {}; 'dnscachectl restart' starts it", lookups);
}

bool programs_ask_cache(const StatusReport& report) {
  return report.path.is_through_cache && report.asks_cache != false;
}

Reason why_failing(const StatusReport& report) {
  if (!report.engine_problem.empty()) return report.engine_problem;
  if (!report.cache.is_answer()) {
    return fmt::format("the engine runs, but does not answer at {}", report.server.to_text());
  }
  // Only this cache knows the name: elsewhere it shows nothing.
  if (report.is_for_programs() && programs_ask_cache(report) && report.program &&
      !report.is_program_answered()) {
    return fmt::format("programs get no answer for {}: {}", report.name, report.program->error);
  }
  return {};
}

Reason why_bypassed(const StatusReport& report) {
  if (!report.is_for_programs()) return {};
  for (const auto& fault : report.faults) {
    if (fault.kind == RouteFault::Kind::bypass) return fault.text;
  }
  if (!programs_ask_cache(report) || report.path.rotates) {
    return "lookups of programs " + report.path.in_words();
  }
  return {};
}

Reason why_no_upstream(const StatusReport& report) {
  const auto& probe = report.upstreams;
  if (report.has_no_upstreams()) {
    return "no upstream is known: only names that are cached or local are answered";
  }
  if (!probe || probe->is_answered()) return {};
  if (probe->outcome == "over_quota") {
    return "the quota of the upstreams is used up: lookups wait or fail";
  }
  if (probe->outcome == "bogus") {
    return "what the upstreams answer fails validation (DNSSEC): is the clock right?";
  }
  if (probe->outcome == "failed") {
    return fmt::format("the upstreams answer {} with {}", probe->question, probe->rcode);
  }
  return "no upstream answers: only names that are cached or local are answered";
}

// A zone whose servers have all fallen silent; the root's were asked just now.
Reason why_a_route_is_down(const StatusReport& report) {
  std::vector<std::string> zones;
  for (const auto& group : report.engine.groups) {
    if (group.zone == "." || group.servers.empty()) continue;
    const bool is_down =
        std::ranges::none_of(report.engine.upstreams, [&](const UpstreamStatus& upstream) {
          return upstream.zone == group.zone && upstream.state != "suspect" &&
                 upstream.state != "down";
        });
    if (is_down) zones.push_back(group.zone);
  }
  if (zones.empty()) return {};
  return fmt::format("no upstream for {} answers", join_words(zones, "and"));
}

Reason why_short_of_quota(const StatusReport& report) {
  for (const auto& upstream : report.engine.upstreams) {
    const auto quota = upstream.quota.value_or(0);
    if (quota == 0 || upstream.packets_per_second < quota) continue;
    return fmt::format("the quota of {} is used up: {} packets in this second", upstream.address,
                       upstream.packets_per_second);
  }
  return {};
}

Reason why_degraded(const StatusReport& report) {
  if (const auto reason = why_no_upstream(report)) return reason;
  if (!report.engine.configuration.problems.empty()) {
    return "the configuration has a mistake; the last one that worked is in force";
  }
  if (const auto reason = why_a_route_is_down(report)) return reason;
  for (const auto& fault : report.faults) {
    if (fault.kind == RouteFault::Kind::leak) return fault.text;
  }
  return why_short_of_quota(report);
}

}  // namespace

const char* to_text(Verdict verdict) {
  static constexpr std::array words{"ok", "degraded", "bypassed", "failing", "stopped"};
  return words.at(static_cast<std::size_t>(verdict));
}

ExitCode exit_code_of(Verdict verdict) {
  static constexpr std::array codes{ExitCode::done, ExitCode::check_failed, ExitCode::bypassed,
                                    ExitCode::failing, ExitCode::not_running};
  return codes.at(static_cast<std::size_t>(verdict));
}

Judgement judge(const StatusReport& report) {
  if (const auto reason = why_stopped(report)) return {Verdict::stopped, *reason};
  if (const auto reason = why_failing(report)) return {Verdict::failing, *reason};
  if (const auto reason = why_bypassed(report)) return {Verdict::bypassed, *reason};
  if (const auto reason = why_degraded(report)) return {Verdict::degraded, *reason};
  if (report.is_for_programs()) return {Verdict::ok, "lookups go through this cache"};
  return {Verdict::ok, "the cache answers; it is not set up for this machine's own programs"};
}

}  // namespace dnscache::cli
