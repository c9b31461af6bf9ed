#include "resolver/upstream/health.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

#include "resolver/wire/protocol.hpp"

namespace dnscache {
namespace {

constexpr Duration unknown_retry_after = 200ms;
constexpr Duration min_retry_after = 20ms;
constexpr Duration max_retry_after = 800ms;
constexpr Duration cost_of_failure = 100ms;
constexpr unsigned timeouts_until_silent = 3;     // in a row
constexpr Duration silence_until_silent = 800ms;  // one slow name is no dead server
constexpr unsigned probes_until_down = 3;

}  // namespace

void RttEstimator::add(Duration rtt) {
  rtt = std::max<Duration>(rtt, 1us);
  ++histogram_[bucket_of(rtt)];
  ++samples_;
  total_ += rtt;
  if (!known()) {
    smoothed_ = rtt;
    variation_ = rtt / 2;
    return;
  }
  const Duration error = smoothed_ > rtt ? smoothed_ - rtt : rtt - smoothed_;
  variation_ += (error - variation_) / 4;
  smoothed_ += (rtt - smoothed_) / 8;
}

// Four buckets for each doubling, from one microsecond on.
std::size_t RttEstimator::bucket_of(Duration rtt) {
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(
      1, std::chrono::duration_cast<std::chrono::microseconds>(rtt).count()));
  const auto doubling = static_cast<std::size_t>(std::bit_width(us) - 1);
  const std::size_t quarter = doubling >= 2 ? (us >> (doubling - 2)) & 3 : 0;
  return std::min(doubling * 4 + quarter, buckets - 1);
}

Duration RttEstimator::upper_bound(std::size_t bucket) {
  const std::uint64_t doubling = bucket / 4;
  const std::uint64_t start = std::uint64_t{1} << doubling;
  return std::chrono::microseconds(start + (start * (bucket % 4 + 1)) / 4);
}

std::uint64_t RttEstimator::count_below(Duration bound) const {
  const std::size_t end = bucket_of(bound);
  return std::accumulate(histogram_.begin(), histogram_.begin() + static_cast<std::ptrdiff_t>(end),
                         std::uint64_t{0});
}

Duration RttEstimator::p99() const {
  std::uint64_t above = samples_ / 100;
  for (std::size_t bucket = buckets; bucket-- > 0;) {
    if (histogram_[bucket] > above) return upper_bound(bucket);
    above -= histogram_[bucket];
  }
  return Duration::zero();
}

std::vector<std::optional<Duration>> RecentTimes::in_order() const {
  std::vector<std::optional<Duration>> times;
  for (std::size_t i = count_ - std::min(count_, most); i < count_; ++i) {
    times.push_back(times_[i % most]);
  }
  return times;
}

Duration RecentTimes::shortest() const {
  std::optional<Duration> shortest;
  for (const auto& time : times_) {
    if (time && (!shortest || *time < *shortest)) shortest = time;
  }
  return shortest.value_or(Duration::zero());
}

QuestionKind kind_of(std::uint16_t type) {
  switch (type) {
    case rr_type::a:
      return QuestionKind::ipv4_address;
    case rr_type::aaaa:
      return QuestionKind::ipv6_address;
    case rr_type::svcb:
    case rr_type::https:
      return QuestionKind::service_binding;
    default:
      return QuestionKind::other;
  }
}

const char* types_of(QuestionKind kind) {
  static constexpr std::array words{"A", "AAAA", "HTTPS and SVCB", "other types"};
  return words.at(static_cast<std::size_t>(kind));
}

bool Health::fails_at(QuestionKind kind) const {
  constexpr double mostly = 0.5;  // after six questions in a row
  constexpr double seldom = 0.2;
  const bool knows_others = std::ranges::any_of(question_kinds, [&](QuestionKind other) {
    return responded_[index(other)] && failure_share_[index(other)] < seldom;
  });
  return failure_share_[index(kind)] > mostly && knows_others;
}

Duration Health::retry_after() const {
  if (!rtt_.known()) return unknown_retry_after;
  return std::clamp(rtt_.smoothed() + 4 * rtt_.variation(), min_retry_after, max_retry_after);
}

Duration Health::expected_cost(QuestionKind kind) const {
  return rtt_.smoothed() +
         std::chrono::duration_cast<Duration>(cost_of_failure * failure_share_[index(kind)]);
}

void Health::add_failure(QuestionKind kind, bool is_failure) {
  double& share = failure_share_[index(kind)];
  share += ((is_failure ? 1.0 : 0.0) - share) / 8;
}

void Health::sent(TimePoint now) {
  if (!is_silent_) silent_since_ = now;
  is_silent_ = true;
}

void Health::responded(TimePoint now, std::optional<Duration> rtt, QuestionKind kind,
                       bool is_failure) {
  if (rtt) {
    rtt_.add(*rtt);
    recent_times_.add(rtt);
  }
  add_failure(kind, is_failure);
  responded_[index(kind)] = true;
  last_response_ = now;
  state_ = HealthState::healthy;
  timeouts_in_a_row_ = unanswered_probes_ = 0;
  is_silent_ = false;
}

bool Health::timed_out(TimePoint now, QuestionKind kind) {
  recent_times_.add(std::nullopt);
  note_failure(now, "timed out");
  add_failure(kind, true);
  ++timeouts_in_a_row_;
  return timeouts_in_a_row_ >= timeouts_until_silent && now - silent_since_ >= silence_until_silent;
}

void Health::failed(TimePoint now, std::string why, QuestionKind kind) {
  note_failure(now, std::move(why));
  add_failure(kind, true);
}

void Health::note_failure(TimePoint now, std::string why) {
  last_failure_ = std::move(why);
  last_failure_at_ = now;
}

bool Health::suspect(TimePoint now, std::string why) {
  note_failure(now, std::move(why));
  if (!is_usable()) return false;
  state_ = HealthState::suspect;
  return true;
}

void Health::probed() {
  if (++unanswered_probes_ > probes_until_down) state_ = HealthState::down;
}

void Limitation::observe(TimePoint now, std::string reason, unsigned needed) {
  if (is_refuted_ || ++observed_ < needed) return;
  reason_ = std::move(reason);
  until_ = now + lifetime;
  observed_ = 0;
}

void Limitation::refute() {
  is_refuted_ = true;
  observed_ = 0;
  until_ = {};
}

}  // namespace dnscache
