// The counters of the engine with their names: one table for status, metrics and who reads status.
#pragma once

#include <cstdint>

namespace dnscache {

/// The queries of all workers since the start, by how they came and what became of them.
struct QueryTotals {
  std::uint64_t udp = 0;
  std::uint64_t tcp = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t stale = 0;
  std::uint64_t local = 0;
  std::uint64_t blocked = 0;  ///< of these
  std::uint64_t refused = 0;
  std::uint64_t limited = 0;
  std::uint64_t malformed = 0;
  std::uint64_t servfail = 0;
  std::uint64_t dropped = 0;

  std::uint64_t all() const { return udp + tcp; }
};

/// What an upstream was sent and what came back, in packets.
struct UpstreamCounters {
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;
  std::uint64_t timeouts = 0;
  std::uint64_t errors = 0;   ///< SERVFAIL and the like, unreachable, connection lost
  std::uint64_t hedged = 0;   ///< sent because another was slow
  std::uint64_t won = 0;      ///< of those, answered first
  std::uint64_t ignored = 0;  ///< packets that were not the response: late, misdirected or forged
};

/// One counter of a struct.
template <class Totals>
struct NamedCounter {
  std::uint64_t Totals::*value;
  const char* key;     ///< in `status --json`
  const char* metric;  ///< without "dnscachectl_" and "_total"
  const char* help;    ///< of the metric; empty: one more sample of the metric before
  const char* label = "";
};

inline constexpr NamedCounter<QueryTotals> query_counters[] = {
    {&QueryTotals::udp, "udp", "queries", "Queries from clients, by transport.",
     "transport=\"udp\""},
    {&QueryTotals::tcp, "tcp", "queries", "", "transport=\"tcp\""},
    {&QueryTotals::hits, "hits", "results", "What became of the queries at once.",
     "result=\"hit\""},
    {&QueryTotals::misses, "misses", "results", "", "result=\"miss\""},
    {&QueryTotals::local, "local", "results", "", "result=\"local\""},
    {&QueryTotals::malformed, "malformed", "results", "", "result=\"malformed\""},
    {&QueryTotals::refused, "refused", "results", "", "result=\"refused\""},
    {&QueryTotals::limited, "limited", "results", "", "result=\"limited\""},
    {&QueryTotals::blocked, "blocked", "blocked_answers", "Replies about names on a block list."},
    {&QueryTotals::stale, "stale", "stale_answers",
     "Replies with expired data, because no upstream answered."},
    {&QueryTotals::servfail, "servfail", "servfail_answers", "Replies that say SERVFAIL."},
    {&QueryTotals::dropped, "dropped", "dropped_queries",
     "Queries without a reply: too many waited, or it came too late for a remote client."},
};

inline constexpr NamedCounter<UpstreamCounters> upstream_counters[] = {
    {&UpstreamCounters::sent, "sent", "upstream_sent", "Packets sent to an upstream."},
    {&UpstreamCounters::answered, "answered", "upstream_answered", "Responses of an upstream."},
    {&UpstreamCounters::timeouts, "timeouts", "upstream_timeouts",
     "Packets without a response in time."},
    {&UpstreamCounters::errors, "errors", "upstream_errors",
     "SERVFAIL and the like, unreachable, connections lost."},
    {&UpstreamCounters::hedged, "hedged", "upstream_hedged",
     "Packets sent because another upstream was slow."},
    {&UpstreamCounters::won, "won", "upstream_hedges_won",
     "Of those, the ones that were answered first."},
    {&UpstreamCounters::ignored, "ignored", "upstream_ignored",
     "Packets that were not the response: late, misdirected or forged."},
};

}  // namespace dnscache
