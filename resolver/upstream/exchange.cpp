#include "resolver/upstream/exchange.hpp"

#include <algorithm>

namespace dnscache {
namespace {

constexpr Duration last_resort_patience = 800ms;
constexpr Duration max_patience = 800ms;
constexpr unsigned max_asked = 6;             // packets of one question to one upstream
constexpr unsigned handicap_of_suspects = 2;  // a suspect's first turn comes with others' third

const char* outcome_text(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::answered:
      return "answered";
    case Outcome::Kind::failed:
      return "failed";
    case Outcome::Kind::silent:
      return "silent";
    case Outcome::Kind::unreachable:
      return "unreachable";
    case Outcome::Kind::over_quota:
      return "over quota";
    case Outcome::Kind::bogus:
      return "bogus";
  }
  return "?";
}

}  // namespace

Exchange::Exchange(UpstreamGroup& group, const Question& question, Trace* trace)
    : group_(group),
      question_(question),
      trace_(trace),
      timer_(group.world().timers(), [this] { on_timer(); }) {}

Exchange::~Exchange() {
  if (!is_over_) let_attempts_go();
}

bool Exchange::await_suspend(std::coroutine_handle<> waiter) {
  waiter_ = waiter;
  is_starting_ = true;
  start();
  is_starting_ = false;
  return !is_over_;
}

void Exchange::start() {
  const TimePoint now = group_.world().now();
  deadline_ = now + group_.timeout();
  group_.note_question(question_);
  for (Upstream* upstream : group_.in_order()) candidates_.push_back(Candidate{upstream});

  if (group_.is_down()) {
    is_last_resort_ = true;
    deadline_ = std::min(deadline_, now + last_resort_patience);
    if (!group_.take_last_resort_packet()) return finish(Outcome::Kind::silent);
    ask_all();
  } else if (group_.policy() == SelectionPolicy::parallel || !group_.has_healthy()) {
    ask_all();  // until somebody has answered, whoever answers first shows whom to trust
  } else {
    Upstream& first = *candidates_.front().upstream;
    hedge_at_ = now + first.hedge_after();
    ask_next();
    ask_neglected();
  }
  set_timer();
  finish_if_hopeless();
}

void Exchange::ask_all() {
  for (Candidate& candidate : candidates_) {
    if (is_last_resort_ || candidate.upstream->is_usable()) ask(candidate, AskReason::all);
  }
  if (attempts_.empty()) ask_next();
}

void Exchange::ask_next() {
  if (is_queued_) return;
  for (Candidate& candidate : candidates_) candidate.is_full = false;
  while (Candidate* candidate = next_candidate()) {
    if (ask(*candidate, AskReason::turn)) return;
  }
  if (!is_over_quota() || is_waiting_for_anybody()) return;
  is_queued_ = group_.wait_for_quota(*this);
  if (is_queued_ && trace_ != nullptr) trace_->notes.push_back("waited for room in the quota");
}

// Keeps what is known of the slower upstreams fresh, so that the fastest stays the fastest.
void Exchange::ask_neglected() {
  Upstream* upstream = group_.neglected(*candidates_.front().upstream);
  if (upstream == nullptr || !group_.take_extra_packet()) return;
  const auto found = std::ranges::find(candidates_, upstream, &Candidate::upstream);
  ask(*found, AskReason::neglected);
}

bool Exchange::ask(Candidate& candidate, AskReason reason) {
  std::error_code error;
  Upstream& upstream = *candidate.upstream;
  const Duration patience =
      std::min(upstream.retry_after() * (1 << std::min(candidate.asked, 6u)), max_patience);
  Attempt* attempt = upstream.ask(question_, this, patience, error);
  if (attempt == nullptr && trace_ != nullptr) {
    const bool is_full = error == std::errc::resource_unavailable_try_again;
    trace_->not_sent(upstream.config(), reason, is_full ? "no room in its quota" : error.message(),
                     group_.world().now());
  }
  if (error == std::errc::resource_unavailable_try_again) {
    candidate.is_full = true;
    return false;
  }
  if (attempt == nullptr) {
    candidate.has_failed = true;
    return false;
  }
  ++candidate.asked;
  attempts_.push_back(attempt);
  if (trace_ != nullptr) trace_->sent(attempt, upstream.config(), reason, attempt->sent_at());
  if (reason == AskReason::hedge) {
    attempt->mark_as_hedge();
    upstream.note_hedge();
  }
  return true;
}

void Exchange::set_timer() {
  if (is_over_) return;
  timer_.set(hedge_at_ ? std::min(*hedge_at_, deadline_) : deadline_);
}

void Exchange::on_timer() {
  const TimePoint now = group_.world().now();
  const bool hedge_is_due = hedge_at_ && *hedge_at_ <= now;
  if (hedge_is_due) hedge_at_.reset();
  if (has_negative_ && (hedge_is_due || now >= deadline_)) return finish(Outcome::Kind::answered);
  if (now >= deadline_) {
    if (has_failure_) return finish(Outcome::Kind::failed);
    return finish(is_queued_ ? Outcome::Kind::over_quota : Outcome::Kind::silent);
  }
  if (hedge_is_due) hedge();
  set_timer();
}

void Exchange::hedge() {
  const auto second = std::ranges::find_if(candidates_, [](const Candidate& candidate) {
    return candidate.asked == 0 && candidate.upstream->is_usable();
  });
  if (second != candidates_.end() && group_.take_extra_packet()) {
    ask(*second, AskReason::hedge);
  }
}

Exchange::Candidate* Exchange::next_candidate() {
  Candidate* best = nullptr;
  unsigned best_turn = 0;
  const unsigned limit = has_failure_ || is_last_resort_ ? 1 : max_asked;
  for (Candidate& candidate : candidates_) {
    if (candidate.has_failed || candidate.is_full || candidate.asked >= limit) continue;
    if (is_waiting_for(*candidate.upstream)) continue;
    const unsigned handicap = candidate.upstream->is_usable() ? 0 : handicap_of_suspects;
    const unsigned turn = candidate.asked + handicap;
    if (best != nullptr && turn >= best_turn) continue;
    best = &candidate;
    best_turn = turn;
  }
  return best;
}

Exchange::Candidate& Exchange::candidate_of(Attempt& attempt) {
  return *std::ranges::find(candidates_, &attempt.upstream(), &Candidate::upstream);
}

bool Exchange::is_waiting_for(const Upstream& upstream) const {
  return std::ranges::any_of(attempts_, [&](Attempt* attempt) {
    return &attempt->upstream() == &upstream && !attempt->has_timed_out();
  });
}

bool Exchange::is_waiting_for_anybody() const {
  return !std::ranges::all_of(attempts_, &Attempt::has_timed_out);
}

bool Exchange::is_over_quota() const {
  return std::ranges::any_of(candidates_, &Candidate::is_full);
}

void Exchange::on_response(Attempt& attempt, Answer answer) {
  std::erase(attempts_, &attempt);
  if (trace_ != nullptr) {
    trace_->carried_by(&attempt, attempt.protocol());
    trace_->ended(&attempt, rcode_text(answer.rcode), group_.world().now());
  }
  if (group_.ignores(answer)) {
    answer = Answer(Rcode::server_failure, ExtendedError::blocked);
    if (trace_ != nullptr) trace_->rule = "ignore_addresses";
  }
  if (answer.is_failure()) {
    candidate_of(attempt).has_failed = true;
    if (!has_failure_ && !has_negative_) {
      outcome_.answer = std::move(answer);
      outcome_.upstream = &attempt.upstream();
      has_failure_ = true;
    }
    return after_failure();
  }
  const bool is_nxdomain = answer.rcode == Rcode::nx_domain;
  outcome_.answer = std::move(answer);
  outcome_.upstream = &attempt.upstream();
  if (trace_ != nullptr) trace_->won(&attempt);
  const bool others_may_know_more =
      group_.policy() == SelectionPolicy::parallel && is_nxdomain && is_waiting_for_anybody();
  if (others_may_know_more) {
    if (has_negative_) return;
    has_negative_ = true;
    hedge_at_ = group_.world().now() + attempt.upstream().hedge_after();
    return set_timer();
  }
  if (attempt.is_hedge()) {
    attempt.upstream().note_win();
    group_.note_extra_packet_won();
  }
  finish(Outcome::Kind::answered);
}

void Exchange::on_error(Attempt& attempt) {
  std::erase(attempts_, &attempt);
  if (trace_ != nullptr) {
    trace_->carried_by(&attempt, attempt.protocol());
    trace_->ended(&attempt, attempt.upstream().last_failure(), group_.world().now());
  }
  candidate_of(attempt).has_failed = true;
  after_failure();
}

void Exchange::after_failure() {
  if (!is_waiting_for_anybody()) ask_next();
  finish_if_hopeless();
}

void Exchange::on_timeout(Attempt& attempt) {
  if (trace_ != nullptr) trace_->timed_out(&attempt, group_.world().now());
  if (!is_waiting_for_anybody()) ask_next();
  finish_if_hopeless();
}

void Exchange::on_quota() {
  is_queued_ = false;
  ask_next();
  finish_if_hopeless();
}

void Exchange::finish_if_hopeless() {
  if (is_over_ || is_queued_ || is_waiting_for_anybody()) return;
  if (next_candidate() != nullptr) return;
  if (has_negative_) return finish(Outcome::Kind::answered);
  if (has_failure_) return finish(Outcome::Kind::failed);
  if (is_over_quota()) return finish(Outcome::Kind::over_quota);
  if (attempts_.empty()) return finish(Outcome::Kind::unreachable);
  // Everybody is silent: a late answer is still welcome until the deadline.
}

void Exchange::finish(Outcome::Kind kind) {
  is_over_ = true;
  outcome_.kind = kind;
  timer_.cancel();
  if (trace_ != nullptr) trace_->over(outcome_text(kind), group_.world().now());
  let_attempts_go();
  if (!is_starting_) waiter_.resume();  // which destroys this exchange
}

void Exchange::let_attempts_go() {
  if (is_queued_) group_.stop_waiting(*this);
  for (Attempt* attempt : attempts_) {
    attempt->detach();
    if (attempt->has_timed_out()) attempt->upstream().release(*attempt);
  }
  attempts_.clear();
}

}  // namespace dnscache
