#include "resolver/server/status.hpp"

#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "resolver/base/version.hpp"
#include "resolver/config/values.hpp"
#include "resolver/upstream/ena.hpp"

namespace dnscache {
namespace {

using nlohmann::json;

double in_milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// What the server seems not to support, and for how long that is believed.
json limitations_of(Upstream& upstream, TimePoint now) {
  json all = json::array();
  const auto add = [&](const std::string& what, const std::string& why,
                       std::optional<TimePoint> until) {
    json limitation{{"without", what}, {"reason", why}};
    if (until) limitation["seconds_left"] = in_seconds(*until - now);
    all.push_back(std::move(limitation));
  };
  for (const auto& [what, limitation] : upstream.limitations().by_name()) {
    if (limitation->holds(now)) add(what, limitation->reason(), limitation->until());
  }
  for (const auto& [zone, until] : upstream.lower_case_only()) {
    if (until <= now) continue;
    add("mixed letter case in " + zone.to_text(), "knows these names in lower case only", until);
  }
  for (const auto kind : question_kinds) {
    if (!upstream.health().fails_at(kind)) continue;
    add(std::string("answers for ") + types_of(kind), "fails at most of them", std::nullopt);
  }
  return all;
}

template <class Totals, std::size_t size>
void add_counters(json& status, const Totals& totals, const NamedCounter<Totals> (&table)[size]) {
  for (const auto& counter : table) status[counter.key] = totals.*counter.value;
}

json upstream_status(Upstream& upstream, TimePoint now) {
  const Health& health = upstream.health();
  json status{{"address", address_text(upstream.config())},
              {"protocol", protocol_words.print(upstream.config().protocol)},
              {"state", health_words.print(health.state())},
              {"packets_per_second", upstream.rate().current(now)},
              {"packets_per_second_peak", upstream.rate().peak()}};
  add_counters(status, upstream.counters(), upstream_counters);
  if (!upstream.config().link.empty()) status["link"] = upstream.config().link;
  if (upstream.rate().limit() != 0) status["quota"] = upstream.rate().limit();
  if (health.rtt().known()) {
    status["rtt_ms"] = in_milliseconds(health.rtt().smoothed());
    status["rtt_p99_ms"] = in_milliseconds(health.rtt().p99());
  }
  json& recent = status["rtt_recent_ms"] = json::array();
  for (const auto& time : health.recent_times().in_order()) {
    recent.push_back(time ? json(in_milliseconds(*time)) : json());
  }
  auto limitations = limitations_of(upstream, now);
  if (!limitations.empty()) status["limitations"] = std::move(limitations);
  if (!health.last_failure().empty()) {
    status["last_failure"] = health.last_failure();
    status["last_failure_seconds_ago"] = in_seconds(now - health.last_failure_at());
  }
  return status;
}

json group_status(const UpstreamGroup& group, const Config& config, TimePoint now) {
  json upstreams = json::array();
  for (const auto& [upstream, lane] : group.members()) {
    upstreams.push_back(upstream_status(*upstream, now));
  }
  return {{"zone", group.zone().to_text()},
          {"policy", policy_words.print(group.policy())},
          {"source", servers_source(config, group.zone())},
          {"upstreams", upstreams}};
}

json dnssec_status(const StatusSources& sources) {
  json status{{"mode", dnssec_mode_words.print(sources.config.dnssec.mode)}};
  if (sources.config.dnssec.mode != DnssecMode::validate) return status;
  const ValidationStats& stats = sources.resolver.validation_stats();
  status["secure"] = stats.secure.value();
  status["insecure"] = stats.insecure.value();
  status["bogus"] = stats.bogus.value();
  status["failed"] = stats.failed.value();
  return status;
}

json config_status(const ConfigState& state, TimePoint now) {
  json status{{"in_force", state.problems.empty()},
              {"changed_on_disk", state.has_changed},
              {"in_force_for_seconds", in_seconds(now - state.in_force_since)},
              {"problems", state.problems}};
  if (!state.file.empty()) status["file"] = state.file.string();
  return status;
}

json memory_status(const StatusSources& sources) {
  const InFlight& in_flight = sources.resolver.in_flight();
  return {{"limit_bytes", sources.memory.total},
          {"resident_bytes", resident_memory()},
          {"in_flight_limit", in_flight.limits().flights},
          {"waiting", in_flight.waiting()},
          {"waiting_limit", in_flight.limits().waiting},
          {"dropped", sources.resolver.dropped()},
          {"tcp_unsent_bytes", sources.tcp_unsent},
          {"tcp_unsent_limit_bytes", sources.memory.tcp}};
}

json query_status(const QueryTotals& totals) {
  json status{{"total", totals.all()}};
  add_counters(status, totals, query_counters);
  return status;
}

}  // namespace

QueryTotals query_totals(const StatusSources& sources) {
  QueryTotals totals;
  for (const auto& worker : sources.workers) {
    const QueryStats& stats = worker->stats();
    // Probes are read first: they are counted last.
    const std::uint64_t udp_probes = stats.udp_probes.value();
    const std::uint64_t tcp_probes = stats.tcp_probes.value();
    totals.udp += stats.udp.value() - udp_probes;
    totals.tcp += stats.tcp.value() - tcp_probes;
    totals.hits += stats.hits.value();
    totals.misses += stats.misses.value();
    totals.local += stats.local.value();
    totals.blocked += stats.blocked.value();
    totals.refused += stats.refused.value();
    totals.limited += stats.limited.value();
    totals.malformed += stats.malformed.value();
    totals.dropped += stats.dropped.value();
  }
  totals.stale = sources.late_stats.stale.value();
  totals.servfail = sources.late_stats.servfail.value();
  totals.dropped += sources.late_stats.dropped.value();
  return totals;
}

std::uint64_t resident_memory() {
  std::ifstream sizes("/proc/self/statm");  // in pages, see proc_pid_statm(5)
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  sizes >> size >> resident;
  return resident * static_cast<std::uint64_t>(::getpagesize());
}

ExtraPackets extra_packets(const StatusSources& sources) {
  ExtraPackets packets;
  for (const auto& group : sources.resolver.groups()) {
    packets.asked += group->extra_packets();
    packets.won += group->extra_packets_that_won();
  }
  return packets;
}

double in_seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string status_as_json(const StatusSources& sources) {
  const TimePoint now = Clock::now();
  const CacheStats cache = sources.cache.stats();
  json listen = json::array();
  for (const Endpoint& endpoint : sources.workers.front()->endpoints()) {
    listen.push_back(endpoint.to_text());
  }
  json groups = json::array();
  const ExtraPackets extra = extra_packets(sources);
  for (const auto& group : sources.resolver.groups()) {
    groups.push_back(group_status(*group, sources.config, now));
  }
  json status{{"ok", true},
              {"schema", 1},
              {"version", version()},
              {"pid", ::getpid()},
              {"uptime_seconds", in_seconds(now - sources.started_at)},
              {"workers", sources.workers.size()},
              {"listen", listen},
              {"probe_zone", sources.probe_zone.to_text()},
              {"configuration", config_status(sources.config_state, now)},
              {"queries", query_status(query_totals(sources))},
              {"in_flight", sources.resolver.in_flight().size()},
              {"memory", memory_status(sources)},
              {"cache",
               {{"entries", cache.entries},
                {"bytes", cache.bytes},
                {"size_bytes", cache.size_bytes},
                {"insertions", cache.insertions},
                {"evictions", cache.evictions}}},
              {"hedge", {{"asked", extra.asked}, {"saved", extra.won}}},
              {"dnssec", dnssec_status(sources)},
              {"groups", groups}};
  if (sources.query_log_dropped != 0) status["query_log_dropped"] = sources.query_log_dropped;
  if (const auto dropped = read_linklocal_allowance_exceeded()) {
    status["linklocal_allowance_exceeded"] = *dropped;
  }
  return status.dump();
}

}  // namespace dnscache
