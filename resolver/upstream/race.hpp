// One question, asked of a group's servers until one has answered or the time is over.
#pragma once

#include "resolver/base/task.hpp"
#include "resolver/upstream/select.hpp"
#include "resolver/upstream/trace.hpp"

namespace dnscache {

/// How a race ended.
struct Outcome {
  enum class Kind {
    answered,         ///< `answer` is data or a statement that there is none
    failed,           ///< `answer` is a failure that a server reported, such as SERVFAIL
    silent,           ///< nobody answered in time
    unreachable,      ///< nothing could be sent, or every server refused the packet
    over_quota,       ///< the quota and the queue in front of it were full
    servers_changed,  ///< other servers answer for the zone now
    bogus,            ///< what servers answered is forged or broken (RFC 4035); `answer` says how
  };
  Kind kind = Kind::silent;
  Answer answer;
  const Upstream* upstream = nullptr;  ///< who answered, while its group is held; else null
};

/// "answered", "over quota", …
const char* outcome_text(Outcome::Kind kind);

/// Asks the group's servers, by its policy, until the first answer or the deadline. `outcome`
/// is as made by its constructor, and what the race goes by outlives it. Attempts that still wait
/// when it is over go on only to show how their servers fare.
///
/// - `ordered`: the next server is asked only after the one before has failed: by an error, a
///   failure that it reports, or by three queries without a response and at least 400 ms since the
///   first; or when it is known to be down.
/// - `fastest`: the best one is asked, a second one beside it when it takes longer than usual (a
///   hedge, from a budget), the next one after each time-out.
/// - `parallel`: all of them at once.
///
/// A negative answer (RFC 2308) waits for the servers that come before, as long as they may still
/// know better.
Async<Done> race(UpstreamGroup& group, const StoredQuestion& question, TimePoint deadline,
                 Inbox& inbox, RaceObserver& observer, Outcome& outcome);

}  // namespace dnscache
