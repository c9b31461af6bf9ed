// What is written down about the resolution of one question, for people who want to see it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "resolver/config/config.hpp"
#include "resolver/upstream/timers.hpp"

namespace dnscache {

/// Why an upstream was asked.
enum class AskReason {
  turn,       ///< it was its turn: the best one, or the next after a failure
  all,        ///< everybody is asked at once
  hedge,      ///< the one before took longer than usual
  neglected,  ///< nothing was known of it for a while
};

/// "its turn", "hedge", …
const char* ask_reason_text(AskReason reason);

/// The upstreams that one question was sent to, and what came of each.
struct Trace {
  /// One packet, or the connection that followed it, to one upstream.
  struct Try {
    const void* attempt;  ///< while it is underway
    std::string upstream;
    Protocol protocol;
    AskReason reason;
    TimePoint sent_at;
    std::optional<TimePoint> ended_at;
    std::string outcome;  ///< "NOERROR", "timed out", "not waited for"
    bool has_won = false;
  };

  TimePoint begun_at;
  std::optional<TimePoint> ended_at;
  std::string zone;         ///< of the upstreams, "." for the default ones
  bool has_joined = false;  ///< somebody else was already asking
  const char* rule = "";    ///< the setting that replaced the upstream's answer
  std::string outcome;      ///< of all tries together
  std::vector<Try> tries;
  std::vector<std::string> notes;

  void sent(const void* attempt, const UpstreamConfig& upstream, AskReason reason, TimePoint now);
  void not_sent(const UpstreamConfig& upstream, AskReason reason, std::string why, TimePoint now);
  void ended(const void* attempt, std::string outcome, TimePoint now);
  void timed_out(const void* attempt, TimePoint now);
  /// The attempt went on over this.
  void carried_by(const void* attempt, Protocol protocol);
  void won(const void* attempt);
  /// Tries that still wait are given up.
  void over(std::string outcome, TimePoint now);

 private:
  Try* find(const void* attempt);
};

}  // namespace dnscache
