// One question asked of a group until one of its upstreams has answered.
#pragma once

#include <coroutine>
#include <vector>

#include "resolver/upstream/group.hpp"
#include "resolver/upstream/trace.hpp"

namespace dnscache {

/// How an exchange ended.
struct Outcome {
  enum class Kind {
    answered,     ///< `answer` is data or a statement that there is none
    failed,       ///< `answer` is a failure that an upstream reported, such as SERVFAIL
    silent,       ///< nobody answered in time
    unreachable,  ///< nothing could be sent, or every upstream refused the packet
    over_quota,   ///< the quota and the queue in front of it were full
    bogus,        ///< what upstreams answered is forged or broken (RFC 4035); `answer` says how
  };
  Kind kind = Kind::silent;
  Answer answer;
  const Upstream* upstream = nullptr;  ///< who answered; null behind a validator
};

/// Asks one upstream after the other, with hedges, until the first answer or the deadline. To be
/// used as `Outcome outcome = co_await exchange;`, once. When it is destroyed, attempts that still
/// wait go on only to learn about their upstreams.
class Exchange {
 public:
  /// `trace`, if any, gets to know all of it, and outlives the exchange.
  Exchange(UpstreamGroup& group, const Question& question, Trace* trace = nullptr);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> waiter);
  Outcome await_resume() { return std::move(outcome_); }

  /// Ends the exchange as if nobody had answered.
  void give_up() { finish(Outcome::Kind::silent); }

  // What happens to attempts, told by them; the attempt is over after all but on_timeout().
  void on_response(Attempt& attempt, Answer answer);
  void on_error(Attempt& attempt);
  void on_timeout(Attempt& attempt);
  /// The quota has room again.
  void on_quota();

 private:
  /// One upstream as this exchange sees it.
  struct Candidate {
    Upstream* upstream;
    unsigned asked = 0;
    bool has_failed = false;  // it reported a failure or can't be reached
    bool is_full = false;     // its quota or the socket's buffer had no room just now
  };

  void start();
  void ask_all();
  void ask_next();
  void ask_neglected();
  bool ask(Candidate& candidate, AskReason reason);
  void set_timer();
  void on_timer();
  void hedge();
  Candidate* next_candidate();
  Candidate& candidate_of(Attempt& attempt);
  bool is_waiting_for(const Upstream& upstream) const;
  bool is_waiting_for_anybody() const;
  bool is_over_quota() const;
  void after_failure();
  void finish_if_hopeless();
  void finish(Outcome::Kind kind);
  void let_attempts_go();

  UpstreamGroup& group_;
  const Question& question_;
  Trace* trace_;
  std::vector<Candidate> candidates_;  // the one to ask first in front
  std::vector<Attempt*> attempts_;     // those that may still bring an answer
  std::coroutine_handle<> waiter_;
  Outcome outcome_;
  bool has_failure_ = false;   // outcome_ holds an upstream's failure, for want of better
  bool has_negative_ = false;  // outcome_ holds an NXDOMAIN that a better answer may still beat
  bool is_queued_ = false;     // for room in a quota
  bool is_last_resort_ =
      false;  // everybody looks dead: each is asked once, and not waited for long
  bool is_over_ = false;
  bool is_starting_ = false;
  std::optional<TimePoint> hedge_at_;
  TimePoint deadline_;
  Timer timer_;
};

}  // namespace dnscache
