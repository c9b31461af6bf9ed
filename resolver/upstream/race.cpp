#include "resolver/upstream/race.hpp"

#include <algorithm>
#include <array>

#include "resolver/upstream/adaptation.hpp"

namespace dnscache {
namespace {

constexpr Duration last_resort_patience = 800ms;
constexpr Duration max_patience = 800ms;
constexpr Duration first_patience_in_order = 100ms;  // while the round-trip time is unknown
// Slow names lengthen the retry time-out, but three queries must fit into `until_passed`.
constexpr std::array<Duration, 3> max_patience_in_order{133ms, 167ms, 100ms};
constexpr Duration until_passed = 400ms;  // since the first query, see `ordered`
constexpr Duration until_beaten = 1s;     // how long a slow server's better answer is waited for
constexpr unsigned unanswered_until_passed = 3;
constexpr unsigned max_sends = 6;              // queries of one question to one server
constexpr unsigned max_sends_while_alive = 4;  // to all, where all respond to other questions
constexpr unsigned max_sends_in_crowd = 2;     // to all, while very many questions wait
constexpr unsigned max_send_errors = 4;        // 20, 40, 80 and 160 ms until the network is back
constexpr Duration send_error_pause = 20ms;
constexpr unsigned handicap_of_suspects = 2;  // a suspect's first turn comes with others' third

/// One server as a race sees it.
struct Candidate {
  Candidate(Upstream* server, unsigned in_lane, unsigned number, const StoredQuestion& question)
      : upstream(server), lane(in_lane), index(number), query(*server, question) {}

  Upstream* upstream;
  unsigned lane;
  unsigned index;    // its place in the order
  Adaptation query;  // how it is asked next
  unsigned sends = 0;
  unsigned unanswered = 0;      // of them
  unsigned send_errors = 0;     // in a row
  unsigned network_errors = 0;  // ICMP
  TimePoint first_sent{};
  TimePoint last_sent{};
  unsigned first_attempt = 0;    // whose response is welcome for as long as the race lasts
  unsigned last_attempt = 0;     // 0: none is waited for
  std::optional<TimePoint> due;  // when the last query has waited long enough
  bool has_failed = false;       // it reported a failure or cannot be reached
  bool is_passed = false;        // silent for so long that the next one is asked (`ordered`)
  bool is_full = false;          // its quota or the socket's buffer had no room just now
  bool is_hedge = false;
  bool is_lame = false;

  const Health& health() const { return upstream->health(); }
  bool is_waited_for() const { return due.has_value(); }
  /// It responds to others: this question takes long, not the server.
  bool is_alive() const { return sends > 0 && health().has_responded_since(first_sent); }
};

class Race {
 public:
  Race(UpstreamGroup& group, const StoredQuestion& question, TimePoint deadline, Inbox& inbox,
       RaceObserver& observer, Outcome& outcome)
      : group_(group),
        question_(question),
        kind_(kind_of(question.get().type)),
        inbox_(inbox),
        observer_(observer),
        deadline_(deadline),
        outcome_(outcome) {}

  void begin();
  bool is_over() const { return is_over_; }
  TimePoint next_moment() const;
  void react();
  void end();

 private:
  TimePoint now() const { return group_.world().now(); }
  bool is_ordered() const { return group_.policy() == SelectionPolicy::ordered; }
  // Whom to ask.
  void ask_all();
  void ask_next(unsigned lane);
  void wait_for_quota();
  void ask_neglected();
  void hedge();
  Candidate* next_candidate(unsigned lane);
  Candidate* next_in_order(unsigned lane);
  bool is_hopeless_to_repeat() const;
  bool send(Candidate& candidate, SendReason reason);
  void send_again(Candidate& candidate);
  Duration patience(const Candidate& candidate) const;
  // What happens.
  void on_moment();
  void on_due(Candidate& candidate);
  void on_due_in_order(Candidate& candidate);
  void on_response(Candidate& candidate, Event& event);
  void on_failure(Candidate& candidate, const Event& event);
  void on_suspected(Candidate& candidate);
  void pass(Candidate& candidate);
  void keep_for_now(Candidate& candidate, const Answer& answer);
  void remember_failure(Candidate& candidate, const Answer& answer);
  void take_failure(Candidate& candidate, const Answer& answer);
  void hold(Candidate& candidate, Answer answer, TimePoint until);
  void take_answer(Candidate& candidate, Event& event);
  // How it ends.
  bool may_know_better(const Candidate& other, const Candidate& than) const;
  bool is_waiting_for_better() const;
  TimePoint hold_until(const Candidate& candidate) const;
  bool is_waiting(std::optional<unsigned> lane) const;
  void conclude();
  void finish_failed();
  void finish(Outcome::Kind kind);

  UpstreamGroup& group_;
  const StoredQuestion& question_;
  QuestionKind kind_;
  Inbox& inbox_;
  RaceObserver& observer_;
  TimePoint deadline_;
  std::vector<Candidate> candidates_;  // the one to ask first in front
  unsigned attempts_ = 0;
  std::optional<TimePoint> hedge_at_;
  std::optional<TimePoint> hold_until_;  // for the negative answer in outcome_
  Candidate* holder_ = nullptr;          // who gave it
  Outcome& outcome_;
  bool has_failure_ = false;     // outcome_ holds a server's failure, for want of better
  bool is_queued_ = false;       // for room in a quota
  bool had_turn_ = false;        // after that
  bool is_last_resort_ = false;  // all look dead: each is asked once, and not waited for long
  bool is_over_ = false;
};

void Race::begin() {
  group_.on_question();
  const auto order = group_.in_order(kind_);
  candidates_.reserve(order.size());
  for (const auto& [upstream, lane] : order) {
    candidates_.emplace_back(upstream, lane, static_cast<unsigned>(candidates_.size()), question_);
  }
  if (group_.is_down()) {
    is_last_resort_ = true;
    deadline_ = std::min(deadline_, now() + last_resort_patience);
    if (!group_.take_last_resort_packet()) return finish(Outcome::Kind::silent);
    ask_all();
  } else if (is_ordered()) {
    for (const Candidate& candidate : candidates_) {
      if (!is_waiting(candidate.lane)) ask_next(candidate.lane);
    }
  } else if (group_.policy() == SelectionPolicy::parallel || !group_.has_healthy()) {
    ask_all();  // until somebody has answered, whoever answers first shows whom to trust
  } else {
    hedge_at_ = now() + group_.hedge_after(*candidates_.front().upstream);
    ask_next(0);
    ask_neglected();
  }
  conclude();
}

void Race::ask_all() {
  for (Candidate& candidate : candidates_) {
    const bool is_wanted = is_last_resort_ || candidate.health().is_usable();
    if (is_wanted) send(candidate, SendReason::all);
  }
  if (!is_waiting({})) ask_next(candidates_.front().lane);
}

void Race::ask_next(unsigned lane) {
  if (is_queued_) return;
  for (Candidate& candidate : candidates_) candidate.is_full = false;
  const bool is_new = attempts_ == 0 && !had_turn_;
  if (is_new && group_.has_queue()) return wait_for_quota();  // others came before
  while (Candidate* candidate = next_candidate(lane)) {
    if (send(*candidate, candidate->sends == 0 ? SendReason::turn : SendReason::again)) return;
    if (candidate->is_full && is_ordered()) break;  // the order counts more than the wait
  }
  const bool has_full = std::ranges::any_of(candidates_, &Candidate::is_full);
  if (has_full && !is_waiting(lane)) wait_for_quota();
}

void Race::wait_for_quota() {
  is_queued_ = group_.wait_for_quota(inbox_);
  if (is_queued_) return observer_.note("waited for room in the quota");
  for (Candidate& candidate : candidates_) candidate.is_full = true;  // and so is the queue
}

// Keeps what is known of the slower servers fresh, so that the fastest stays the fastest.
void Race::ask_neglected() {
  Upstream* upstream = group_.neglected(*candidates_.front().upstream);
  if (upstream == nullptr || !group_.take_extra_packet()) return;
  const auto found = std::ranges::find(candidates_, upstream, &Candidate::upstream);
  send(*found, SendReason::neglected);
}

void Race::hedge() {
  hedge_at_.reset();
  const auto second = std::ranges::find_if(candidates_, [](const Candidate& candidate) {
    return candidate.sends == 0 && candidate.health().is_usable();
  });
  if (second == candidates_.end() || !group_.take_extra_packet()) return;
  if (!send(*second, SendReason::hedge)) return;
  second->is_hedge = true;
  second->upstream->on_hedge();
}

// A slow name is not asked for again and again of servers that respond to everything else.
bool Race::is_hopeless_to_repeat() const {
  unsigned sends = 0;
  for (const Candidate& candidate : candidates_) {
    if (candidate.has_failed) continue;  // its queries were answered
    if (candidate.sends > 0 && !candidate.is_alive() && !group_.is_crowded()) return false;
    sends += candidate.sends;
  }
  return sends >= (group_.is_crowded() ? max_sends_in_crowd : max_sends_while_alive);
}

Candidate* Race::next_in_order(unsigned lane) {
  for (Candidate& candidate : candidates_) {
    const bool is_out = candidate.has_failed || candidate.is_passed || candidate.is_full;
    if (candidate.lane != lane || is_out) continue;
    if (candidate.health().is_usable()) return &candidate;
  }
  return nullptr;
}

Candidate* Race::next_candidate(unsigned lane) {
  if (is_ordered()) {
    if (is_waiting(lane)) return nullptr;
    if (Candidate* candidate = next_in_order(lane)) return candidate;
  }
  if (is_hopeless_to_repeat()) return nullptr;
  Candidate* best = nullptr;
  unsigned best_turn = 0;
  for (Candidate& candidate : candidates_) {
    if (candidate.lane != lane || candidate.has_failed || candidate.is_full) continue;
    const bool is_trial = candidate.query.is_trial();  // which may have been lost
    const unsigned limit = is_last_resort_ || (has_failure_ && !is_trial) ? 1 : max_sends;
    if (candidate.sends >= limit || candidate.is_waited_for()) continue;
    const unsigned handicap = candidate.health().is_usable() ? 0 : handicap_of_suspects;
    const unsigned turn = candidate.sends + handicap;
    if (best != nullptr && turn >= best_turn) continue;
    best = &candidate;
    best_turn = turn;
  }
  return best;
}

Duration Race::patience(const Candidate& candidate) const {
  if (is_last_resort_) return last_resort_patience;
  Duration first = candidate.health().retry_after();
  if (!candidate.query.is_over_udp()) {  // may have to connect, and loses nothing
    return std::clamp<Duration>(4 * first, until_passed, max_patience);
  }
  if (is_ordered() && !candidate.health().rtt().known()) first = first_patience_in_order;
  const Duration grown = std::min(first * (1 << std::min(candidate.unanswered, 6u)), max_patience);
  const bool must_fit = is_ordered() && candidate.unanswered < max_patience_in_order.size() &&
                        grown > max_patience_in_order[candidate.unanswered] &&
                        candidate.health().recent_times().shortest() < first_patience_in_order;
  return must_fit ? max_patience_in_order[candidate.unanswered] : grown;
}

// True when a query is on its way, or will be in a moment.
bool Race::send(Candidate& candidate, SendReason reason) {
  std::error_code error;
  Upstream& upstream = *candidate.upstream;
  Attempt* attempt = upstream.send(question_.get(), candidate.query.form(), &inbox_, error);
  if (attempt == nullptr) {
    observer_.not_sent(upstream.config(), reason, error, now());
    candidate.is_full = error == std::errc::resource_unavailable_try_again;
    if (candidate.is_full) return false;
    // The address or the route of the machine may be changing just now.
    const bool may_come_back = candidate.health().state() == HealthState::healthy &&
                               candidate.send_errors < max_send_errors;
    if (may_come_back) {
      candidate.due = now() + send_error_pause * (1 << candidate.send_errors++);
      candidate.last_attempt = 0;
      return true;
    }
    candidate.has_failed = true;
    upstream.suspect(error.message());
    return false;
  }
  attempt->set_numbers(++attempts_, candidate.index);
  candidate.send_errors = 0;
  // Of the queries that were given up, one is enough to wait for a slow name.
  if (candidate.sends == 0) candidate.first_attempt = attempts_;
  if (candidate.last_attempt != candidate.first_attempt) inbox_.free(candidate.last_attempt);
  candidate.last_attempt = attempts_;
  candidate.last_sent = attempt->sent_at();
  if (candidate.sends++ == 0) candidate.first_sent = candidate.last_sent;
  candidate.due = candidate.last_sent + patience(candidate);
  observer_.sent(attempts_, upstream.config(), candidate.query.form().protocol, reason,
                 candidate.last_sent);
  return true;
}

// To the same server, in the candidate's form.
void Race::send_again(Candidate& candidate) {
  if (send(candidate, SendReason::again)) return;
  if (candidate.is_full) {  // a quota that is used up is no failure
    candidate.due = now() + send_error_pause;
    candidate.last_attempt = 0;
    return;
  }
  candidate.due.reset();
  candidate.has_failed = true;
  if (holder_ != &candidate) ask_next(candidate.lane);
}

TimePoint Race::next_moment() const {
  TimePoint next = deadline_;
  if (hedge_at_) next = std::min(next, *hedge_at_);
  if (hold_until_) next = std::min(next, *hold_until_);
  for (const Candidate& candidate : candidates_) {
    if (candidate.due) next = std::min(next, *candidate.due);
  }
  return next;
}

// A coroutine would keep room for the event all the time.
void Race::react() {
  Event event = inbox_.take();
  switch (event.kind) {
    case Event::Kind::response:
      on_response(candidates_[event.candidate], event);
      break;
    case Event::Kind::failure:
      on_failure(candidates_[event.candidate], event);
      break;
    case Event::Kind::wrong_case:
      if (!candidates_[event.candidate].query.after_wrong_case()) break;
      inbox_.abandon(event.attempt);
      send_again(candidates_[event.candidate]);
      break;
    case Event::Kind::no_cookie: {
      Candidate& candidate = candidates_[event.candidate];
      if (candidate.query.after_missing_cookie()) send_again(candidate);
      break;
    }
    case Event::Kind::suspected:
      on_suspected(candidates_[event.candidate]);
      break;
    case Event::Kind::moment:
      on_moment();
      break;
    case Event::Kind::room:
      is_queued_ = false;
      had_turn_ = true;
      for (const Candidate& candidate : candidates_) {
        if (!is_waiting(candidate.lane)) ask_next(candidate.lane);
      }
      break;
    case Event::Kind::servers_changed:
      return finish(Outcome::Kind::servers_changed);
    case Event::Kind::given_up:
    case Event::Kind::done:
      return finish(Outcome::Kind::silent);
  }
  conclude();
}

void Race::on_moment() {
  if (hedge_at_ && *hedge_at_ <= now()) hedge();
  for (Candidate& candidate : candidates_) {
    if (candidate.due && *candidate.due <= now()) on_due(candidate);
  }
}

// The last query has waited long enough. Its response is still welcome.
void Race::on_due(Candidate& candidate) {
  candidate.due.reset();
  if (candidate.last_attempt == 0) return send_again(candidate);
  ++candidate.unanswered;
  observer_.ended(candidate.last_attempt, "timed out", now());
  inbox_.give_up(candidate.last_attempt);
  if (group_.is_crowded() && candidate.last_attempt != candidate.first_attempt) {
    inbox_.free(candidate.last_attempt);
  }
  const bool another_responded = std::ranges::any_of(candidates_, [&](const Candidate& other) {
    return &other != &candidate && other.health().has_responded_since(candidate.last_sent);
  });
  candidate.upstream->on_timeout(candidate.query.form(), kind_, candidate.last_sent,
                                 another_responded && !is_ordered());
  candidate.query.after_silence(candidate.unanswered);
  if (is_ordered()) return on_due_in_order(candidate);
  if (candidate.unanswered > 1) candidate.upstream->probe_if_silent(candidate.first_sent);
  if (!is_waiting(candidate.lane)) ask_next(candidate.lane);
}

void Race::on_due_in_order(Candidate& candidate) {
  if (is_last_resort_ || candidate.is_passed) return ask_next(candidate.lane);
  unsigned enough = candidate.is_alive() ? unanswered_until_passed - 1 : unanswered_until_passed;
  if (group_.is_crowded()) enough = std::min(enough, max_sends_in_crowd);
  if (!candidate.query.is_over_udp()) enough = 1;  // a stream loses nothing
  const TimePoint passed_at = candidate.first_sent + until_passed;
  if (candidate.unanswered < enough) {
    send_again(candidate);
    return candidate.upstream->probe_if_silent(candidate.first_sent);
  }
  if (now() >= passed_at) return pass(candidate);
  candidate.due = passed_at;
}

// Its time is over: the next one may be asked.
void Race::pass(Candidate& candidate) {
  candidate.due.reset();
  candidate.is_passed = true;
  if (!candidate.is_alive()) candidate.upstream->suspect("timed out");
  ask_next(candidate.lane);
}

void Race::on_suspected(Candidate& candidate) {
  if (candidate.is_passed || candidate.has_failed || is_last_resort_) return;
  candidate.is_passed = true;
  candidate.due.reset();
  if (!is_waiting(candidate.lane)) ask_next(candidate.lane);
}

void Race::on_response(Candidate& candidate, Event& event) {
  Answer& answer = event.response.answer;
  const bool is_truncated = event.response.truncated;
  observer_.ended(event.attempt, is_truncated ? "truncated" : rcode_text(answer.rcode), now());
  candidate.due.reset();
  if (is_truncated && event.form.protocol != Protocol::udp) answer = Answer(Rcode::server_failure);
  const bool is_beaten = holder_ != nullptr && candidate.index > holder_->index;
  if (candidate.query.after_response(event, !is_beaten)) {
    if (!is_truncated && answer.rcode != Rcode::bad_cookie) keep_for_now(candidate, answer);
    return send_again(candidate);
  }
  if (group_.ignores(answer)) {
    answer = Answer(Rcode::server_failure, ExtendedError::blocked);
    observer_.ruled("ignore_addresses");
  }
  if (answer.is_failure() || answer.is_lame) return take_failure(candidate, answer);
  candidate.query.learn(event, has_failure_);
  take_answer(candidate, event);
}

// The same server is asked again, in another form: if nothing better comes, this counts.
void Race::keep_for_now(Candidate& candidate, const Answer& answer) {
  if (answer.is_failure()) return remember_failure(candidate, answer);
  hold(candidate, answer, std::max(now() + patience(candidate), hold_until(candidate)));
}

void Race::on_failure(Candidate& candidate, const Event& event) {
  observer_.ended(event.attempt, candidate.upstream->health().last_failure(), now());
  if (event.attempt == candidate.last_attempt) candidate.due.reset();
  const bool is_usual_way = event.form.protocol == candidate.upstream->config().protocol;
  // Anybody can forge an ICMP error: it costs one fresh socket.
  if (event.form.protocol == Protocol::udp && candidate.network_errors++ == 0) {
    return send_again(candidate);
  }
  if (event.attempt != candidate.last_attempt && candidate.is_waited_for()) return;
  if (!is_usual_way && candidate.query.after_failure_over_tcp()) return send_again(candidate);
  candidate.has_failed = true;
  if (is_usual_way && !candidate.is_alive()) candidate.upstream->suspect(event.error.message());
  if (!is_waiting(candidate.lane)) ask_next(candidate.lane);
}

void Race::remember_failure(Candidate& candidate, const Answer& answer) {
  if (holder_ != nullptr || (has_failure_ && !outcome_.answer.is_lame)) return;
  outcome_.answer = answer;
  outcome_.upstream = candidate.upstream;
  has_failure_ = true;
}

void Race::take_failure(Candidate& candidate, const Answer& answer) {
  candidate.has_failed = true;
  candidate.is_lame = answer.is_lame;
  remember_failure(candidate, answer);
  if (!is_waiting(candidate.lane)) ask_next(candidate.lane);
}

void Race::hold(Candidate& candidate, Answer answer, TimePoint until) {
  outcome_.answer = std::move(answer);
  outcome_.upstream = candidate.upstream;
  has_failure_ = false;
  holder_ = &candidate;
  hold_until_ = until;
}

void Race::take_answer(Candidate& candidate, Event& event) {
  const bool is_negative = event.response.answer.is_negative();
  if (is_negative && holder_ != nullptr && candidate.index > holder_->index) return;
  hold(candidate, std::move(event.response.answer), hold_until(candidate));
  observer_.won(event.attempt);
  if (is_negative && is_waiting_for_better()) return;
  if (candidate.is_hedge) {
    candidate.upstream->on_hedge_won();
    group_.on_extra_packet_won();
  }
  finish(Outcome::Kind::answered);
}

// Whether `other` may still give an answer that counts more than the negative one of `than`.
bool Race::may_know_better(const Candidate& other, const Candidate& than) const {
  if (other.sends == 0 || other.has_failed || !other.health().is_usable()) return false;
  if (other.lane != than.lane) return other.is_waited_for();
  if (other.index >= than.index) return false;
  const bool is_healthy = other.health().state() == HealthState::healthy;
  return is_healthy && (other.is_waited_for() || (is_ordered() && other.is_alive()));
}

bool Race::is_waiting_for_better() const {
  if (holder_->is_waited_for()) return true;  // for the same in lower case
  return std::ranges::any_of(candidates_, [this](const Candidate& other) {
    return &other != holder_ && may_know_better(other, *holder_);
  });
}

TimePoint Race::hold_until(const Candidate& candidate) const {
  if (group_.policy() == SelectionPolicy::parallel) {
    return now() + group_.hedge_after(*candidate.upstream);
  }
  TimePoint until = now();
  for (const Candidate& other : candidates_) {
    if (&other == &candidate || !may_know_better(other, candidate)) continue;
    const TimePoint end = is_ordered() ? other.first_sent + until_beaten : *other.due;
    until = std::max(until, end);
  }
  return until;
}

bool Race::is_waiting(std::optional<unsigned> lane) const {
  return std::ranges::any_of(candidates_, [&](const Candidate& candidate) {
    return candidate.is_waited_for() && (!lane || candidate.lane == *lane);
  });
}

void Race::conclude() {
  if (is_over_) return;
  if (holder_ != nullptr) {
    const bool is_held = is_waiting_for_better() && now() < *hold_until_ && now() < deadline_;
    if (!is_held) finish(Outcome::Kind::answered);
    return;
  }
  if (now() >= deadline_) {
    if (has_failure_) return finish_failed();
    return finish(is_queued_ ? Outcome::Kind::over_quota : Outcome::Kind::silent);
  }
  if (is_queued_ || is_waiting({})) return;
  if (has_failure_) return finish_failed();
  if (std::ranges::any_of(candidates_, &Candidate::is_full)) {
    return finish(Outcome::Kind::over_quota);
  }
  const bool is_unreachable = std::ranges::all_of(
      candidates_, [](const Candidate& candidate) { return candidate.has_failed; });
  if (is_unreachable) return finish(Outcome::Kind::unreachable);
  // All are silent: a late response is still welcome until the deadline.
}

// Lame servers' NODATA counts only where all of them say so.
void Race::finish_failed() {
  if (!outcome_.answer.is_lame) return finish(Outcome::Kind::failed);
  const bool are_all_lame = std::ranges::all_of(candidates_, &Candidate::is_lame);
  if (are_all_lame) return finish(Outcome::Kind::answered);
  outcome_.answer = Answer(Rcode::server_failure);
  finish(Outcome::Kind::failed);
}

void Race::finish(Outcome::Kind kind) {
  is_over_ = true;
  outcome_.kind = kind;
}

void Race::end() {
  group_.on_end();
  if (is_queued_) group_.stop_waiting(inbox_);
  const bool has_responses =
      outcome_.kind == Outcome::Kind::answered || outcome_.kind == Outcome::Kind::failed;
  inbox_.detach_all(has_responses && !is_ordered());
  observer_.over(outcome_text(outcome_.kind), now());
  if (outcome_.kind == Outcome::Kind::answered) group_.on_answer();
}

}  // namespace

const char* outcome_text(Outcome::Kind kind) {
  static constexpr std::array words{"answered",   "failed",          "silent", "unreachable",
                                    "over quota", "servers changed", "bogus"};
  return words.at(static_cast<std::size_t>(kind));
}

Async<Done> race(UpstreamGroup& group, const StoredQuestion& question, TimePoint deadline,
                 Inbox& inbox, RaceObserver& observer, Outcome& outcome) {
  Race race(group, question, deadline, inbox, observer, outcome);
  race.begin();
  while (!race.is_over()) {
    co_await inbox.next(race.next_moment());
    race.react();
  }
  race.end();
  co_return Done();
}

}  // namespace dnscache
