// What is written down about the resolution of one question, for people who want to see it.
#pragma once

#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "resolver/config/config.hpp"
#include "resolver/upstream/timers.hpp"

namespace dnscache {

/// Why a query was sent.
enum class SendReason {
  turn,       ///< it was the server's turn: the first one, or the next after a failure
  all,        ///< all servers are asked at once
  hedge,      ///< the server before took longer than usual
  neglected,  ///< nothing was known of it for a while
  again,      ///< to the same server: the packet before was lost, or is put in another way
};

/// "turn", "hedge", …
const char* send_reason_text(SendReason reason);

/// Watches a race from outside. Does nothing: most races are not watched.
class RaceObserver {
 public:
  virtual ~RaceObserver() = default;
  /// The servers of this zone are asked.
  virtual void begun(const Name& zone);
  /// `attempt` is the query's number in the race.
  virtual void sent(unsigned attempt, const UpstreamConfig& server, Protocol protocol,
                    SendReason reason, TimePoint now);
  virtual void not_sent(const UpstreamConfig& server, SendReason reason, std::error_code why,
                        TimePoint now);
  virtual void ended(unsigned attempt, const std::string& result, TimePoint now);
  virtual void won(unsigned attempt);
  virtual void note(const char* text);
  /// A setting replaced a server's answer.
  virtual void ruled(const char* setting);
  /// Queries that still wait are given up.
  virtual void over(const char* result, TimePoint now);

  /// For races that nobody watches.
  static RaceObserver& nobody();
};

/// The servers that one question was sent to, and what came of each query.
struct Trace final : RaceObserver {
  /// One query to one server.
  struct Try {
    unsigned attempt;  ///< its number, while it is underway
    std::string upstream;
    Protocol protocol;
    SendReason reason;
    TimePoint sent_at;
    std::optional<TimePoint> ended_at;
    std::string outcome;  ///< "NOERROR", "timed out", "not waited for"
    bool has_won = false;
  };

  TimePoint begun_at;
  std::optional<TimePoint> ended_at;
  std::string zone;         ///< of the servers, "." for the default ones
  bool has_joined = false;  ///< somebody else was already asking
  const char* rule = "";    ///< the setting that replaced the server's answer
  std::string outcome;      ///< of all queries together
  std::vector<Try> tries;
  std::vector<std::string> notes;

  void begun(const Name& of) override { zone = of.to_text(); }
  void sent(unsigned attempt, const UpstreamConfig& server, Protocol protocol, SendReason reason,
            TimePoint now) override;
  void not_sent(const UpstreamConfig& server, SendReason reason, std::error_code why,
                TimePoint now) override;
  void ended(unsigned attempt, const std::string& result, TimePoint now) override;
  void won(unsigned attempt) override;
  void note(const char* text) override { notes.emplace_back(text); }
  void ruled(const char* setting) override { rule = setting; }
  void over(const char* result, TimePoint now) override;

 private:
  Try* find(unsigned attempt);
};

}  // namespace dnscache
