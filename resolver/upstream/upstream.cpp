#include "resolver/upstream/upstream.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <utility>

#include "resolver/upstream/exchange.hpp"
#include "resolver/upstream/group.hpp"

namespace dnscache {
namespace {

constexpr Duration unknown_retry_after = 200ms;
constexpr Duration min_retry_after = 20ms;
constexpr Duration max_retry_after = 800ms;
constexpr Duration min_hedge_after = 5ms;
constexpr Duration cost_of_failure = 100ms;
constexpr unsigned timeouts_until_suspect = 3;     // in a row, when nobody else answers either
constexpr Duration silence_until_suspect = 800ms;  // likewise: one slow name is no dead server
constexpr unsigned probes_until_down = 3;
constexpr unsigned case_changes_until_off = 3;

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

Upstream::Upstream(World& world, UpstreamGroup& group, const UpstreamConfig& config,
                   const HealthConfig& health, std::uint32_t quota)
    : world_(world),
      group_(group),
      config_(config),
      health_config_(health),
      rate_(quota),
      probe_interval_(health.probe_interval),
      probe_timer_(world.timers(), [this] { probe(); }),
      cookie_(world.random()) {}

Upstream::~Upstream() { attempts_.clear(); }

Duration Upstream::retry_after() const {
  if (!rtt_.known()) return unknown_retry_after;
  return std::clamp(rtt_.smoothed() + 4 * rtt_.variation(), min_retry_after, max_retry_after);
}

Duration Upstream::hedge_after() const {
  if (group_.hedge().after) return *group_.hedge().after;
  return std::max(rtt_.smoothed() + 2 * rtt_.variation(), min_hedge_after);
}

Duration Upstream::expected_cost() const {
  return rtt_.smoothed() + std::chrono::duration_cast<Duration>(cost_of_failure * failure_share_);
}

Attempt* Upstream::ask(const Question& question, Exchange* exchange, Duration patience,
                       std::error_code& error) {
  auto attempt = std::make_unique<Attempt>(*this, question, exchange);
  error = attempt->send(config_.protocol, patience);
  if (error) return nullptr;
  attempt->place_ = attempts_.size();
  attempts_.push_back(std::move(attempt));
  return attempts_.back().get();
}

std::unique_ptr<Attempt> Upstream::release(Attempt& attempt) {
  const std::size_t place = attempt.place_;
  std::unique_ptr<Attempt> released = std::move(attempts_[place]);
  if (place + 1 != attempts_.size()) {
    attempts_[place] = std::move(attempts_.back());
    attempts_[place]->place_ = place;
  }
  attempts_.pop_back();
  return released;
}

std::error_code Upstream::send(Attempt& attempt, Protocol protocol) {
  const TimePoint now = world_.now();
  if (!rate_.allows(now)) return std::make_error_code(std::errc::resource_unavailable_try_again);
  if (const std::error_code error = carry(attempt, protocol)) {
    const bool is_busy = error == std::errc::resource_unavailable_try_again;
    if (!is_busy) note_error(error.message(), protocol);
    return error;
  }
  rate_.count(now);
  ++counters_.sent;
  last_sent_ = now;
  if (!is_silent_) silent_since_ = now;
  is_silent_ = true;
  return {};
}

std::error_code Upstream::carry(Attempt& attempt, Protocol protocol) {
  auto& carrier = protocol == Protocol::udp ? datagrams_ : stream_;
  try {
    if (!carrier) carrier = world_.make_carrier(config_, protocol);
  } catch (const std::system_error& error) {  // no file descriptors left
    return error.code();
  }
  return carrier->send(attempt);
}

void Upstream::forget() {
  rtt_ = {};
  recent_times_ = {};
  failure_share_ = 0;
  cookie_ = Cookie(world_.random());  // it must not show that we are still the same client
  recover();
  health_ = Health::untried;
}

void Upstream::note_answer(std::optional<Duration> rtt, bool is_failure) {
  ++counters_.answered;
  if (rtt) rtt_.add(*rtt);
  if (rtt) recent_times_.add(rtt);
  failure_share_ += ((is_failure ? 1.0 : 0.0) - failure_share_) / 8;
  last_answer_ = world_.now();
  if (is_failure) ++counters_.errors;
  recover();
}

void Upstream::recover() {
  timeouts_in_a_row_ = 0;
  failed_probes_ = 0;
  is_silent_ = false;
  health_ = Health::healthy;
  probe_interval_ = health_config_.probe_interval;
  probe_timer_.cancel();
}

void Upstream::note_timeout(const Attempt& attempt) {
  ++counters_.timeouts;
  recent_times_.add(std::nullopt);
  record_failure("timed out");
  if (attempt.protocol() != config_.protocol) return;  // without TCP it may still be well
  failure_share_ += (1.0 - failure_share_) / 8;
  const bool answers_others = last_answer_ > attempt.sent_at();
  if (answers_others) return;  // it is this name that takes long, not the server
  if (config_.endpoint.address.is_link_local() && world_.is_throttled()) {
    return record_failure("throttled: too many packets per second");
  }
  ++timeouts_in_a_row_;
  if (group_.another_answered_since(*this, attempt.sent_at())) return fall_suspect("timed out");
  const bool long_silent = world_.now() - silent_since_ >= silence_until_suspect;
  if (timeouts_in_a_row_ >= timeouts_until_suspect && long_silent) fall_suspect("timed out");
}

void Upstream::note_error(const std::string& what, Protocol protocol) {
  ++counters_.errors;
  if (protocol != config_.protocol) return record_failure("over TCP: " + what);
  failure_share_ += (1.0 - failure_share_) / 8;
  fall_suspect(what.c_str());
}

void Upstream::record_failure(std::string what) {
  last_failure_ = std::move(what);
  last_failure_at_ = world_.now();
}

void Upstream::fall_suspect(const char* why) {
  record_failure(why);
  if (!is_usable()) return;
  health_ = Health::suspect;
  if (!probe_timer_.is_set()) probe_timer_.set(world_.now() + probe_interval_);
}

void Upstream::resume_probing() {
  if (!is_usable() && !probe_timer_.is_set()) probe_timer_.set(world_.now());
}

// Asks a silent upstream again, with a question that another could answer. The outcome arrives as
// note_answer(), note_timeout() or note_error().
void Upstream::probe() {
  if (!group_.is_in_use()) return;
  if (++failed_probes_ > probes_until_down) health_ = Health::down;
  const Question question = group_.probe_question().value_or(Question{Name{}, rr_type::ns});
  std::error_code error;
  ask(question, nullptr, max_retry_after, error);
  probe_interval_ = std::min<Duration>(probe_interval_ * 2, health_config_.probe_interval_max);
  probe_timer_.set(world_.now() + probe_interval_);
}

// Letter cases that come back changed are a forgery or the work of a box that writes its own
// question; after a few in a row without a single good one we stop mixing them.
void Upstream::note_case_changed() {
  note_ignored();
  const unsigned limit = has_kept_case_ ? case_changes_until_off : 1;
  if (++case_changes_ >= limit) mixes_case_ = false;
}

Attempt::Attempt(Upstream& upstream, const Question& question, Exchange* exchange)
    : upstream_(upstream),
      question_(question),
      exchange_(exchange),
      timer_(upstream.world_.timers(), [this] { time_out(); }),
      protocol_(upstream.config().protocol),
      with_edns_(upstream.speaks_edns_) {}

Attempt::~Attempt() {
  if (carrier != nullptr) carrier->forget(*this);
}

std::error_code Attempt::send(Protocol protocol, Duration patience) {
  protocol_ = protocol;
  std::array<std::uint8_t, max_name_size> name;
  const ByteView plain = question_.name.bytes();
  std::memcpy(name.data(), plain.data(), plain.size());
  if (upstream_.mixes_case_ && protocol == Protocol::udp) {  // nobody can forge into a stream
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < plain.size(); ++i, bits >>= 1) {
      if (i % 64 == 0) bits = upstream_.world_.random();
      if (name[i] >= 'a' && name[i] <= 'z' && (bits & 1)) name[i] -= 'a' - 'A';
    }
  }
  const bool sends_cookie = with_cookie_ && protocol == Protocol::udp;
  QueryOptions options;
  options.mixed_name = {name.data(), plain.size()};
  options.with_edns = with_edns_;
  if (sends_cookie) options.cookie = upstream_.cookie_.bytes();
  options.is_padded = protocol == Protocol::tls;
  query_size_ = write_query(question_, options, query_.data());
  sent_at_ = upstream_.world_.now();
  if (const std::error_code error = upstream_.send(*this, protocol)) return error;
  timer_.set(sent_at_ + patience);
  return {};
}

bool Attempt::receive(ByteView packet) {
  Response response;
  switch (read_response(packet, query(), upstream_.group().no_soa_ttl(), response)) {
    case ResponseFault::none: {
      const bool may_have_cookie = protocol_ == Protocol::udp && with_edns_ && with_cookie_;
      const bool is_trusted = !may_have_cookie || response.truncated;  // TCP cannot be forged
      if (is_trusted || upstream_.cookie_.accept(response.cookie)) {
        return take_response(std::move(response));
      }
      upstream_.note_ignored();
      return false;
    }
    case ResponseFault::other_case:
      upstream_.note_case_changed();
      if (upstream_.mixes_case_) return false;
      return ask_again(protocol_);
    case ResponseFault::malformed:
    case ResponseFault::other_question:
      upstream_.note_ignored();
      break;
  }
  if (protocol_ == Protocol::udp) return false;  // forged perhaps; the true one may still come
  finish_failed(std::make_error_code(std::errc::bad_message));
  return true;
}

bool Attempt::take_response(Response response) {
  const Rcode rcode = response.answer.rcode;
  if (upstream_.mixes_case_ && protocol_ == Protocol::udp) {
    upstream_.has_kept_case_ = true;
    upstream_.case_changes_ = 0;
  }
  if (has_adapted(response)) return true;
  const bool is_failure = response.answer.is_failure();
  // A retry over TCP pays for its connection: that is not this upstream's round-trip time.
  const bool is_usual_way = protocol_ == upstream_.config().protocol;
  const Duration rtt = upstream_.world_.now() - sent_at_;
  upstream_.note_answer(is_usual_way ? std::optional(rtt) : std::nullopt, is_failure);
  if (is_failure) upstream_.record_failure(rcode_text(rcode));
  if (response.truncated) {
    if (protocol_ == Protocol::udp) return ask_again(Protocol::tcp);
    finish_failed(std::make_error_code(std::errc::message_size));
    return true;
  }
  if (!with_edns_ && !is_failure) upstream_.speaks_edns_ = false;
  if (!with_cookie_ && !is_failure) upstream_.cookie_.withdraw();
  if (!is_failure && upstream_.is_usable()) upstream_.group().note_answer(question_);

  const std::unique_ptr<Attempt> self = upstream_.release(*this);
  if (exchange_ != nullptr) exchange_->on_response(*this, std::move(response.answer));
  return true;
}

bool Attempt::has_adapted(const Response& response) {
  const Rcode rcode = response.answer.rcode;
  // RFC 6891 section 7: a server that does not know EDNS says FORMERR or NOTIMP without OPT; it is
  // believed when it answers the same question without EDNS.
  const bool may_dislike_edns = rcode == Rcode::format_error || rcode == Rcode::not_implemented;
  if (with_edns_ && may_dislike_edns && !response.has_edns) {
    with_edns_ = false;
    return ask_again(protocol_);
  }
  if (protocol_ != Protocol::udp || !with_edns_ || !with_cookie_) return false;
  // RFC 7873 section 5.3: the response has brought the cookie that counts now.
  if (rcode == Rcode::bad_cookie) {
    const bool is_first = !std::exchange(had_bad_cookie_, true);
    return ask_again(is_first ? Protocol::udp : Protocol::tcp);
  }
  // Some servers take an option that they do not know for an error. Believed as above.
  if (rcode == Rcode::format_error && response.cookie.empty()) {
    with_cookie_ = false;
    return ask_again(protocol_);
  }
  return false;
}

// The same question once more, as another packet; what comes of it is this attempt's outcome.
bool Attempt::ask_again(Protocol protocol) {
  const Duration patience = std::max<Duration>(4 * upstream_.retry_after(), unknown_retry_after);
  if (const std::error_code error = send(protocol, patience)) finish_failed(error);
  return true;
}

void Attempt::fail(std::error_code reason) {
  upstream_.note_error(reason.message(), protocol_);
  finish_failed(reason);
}

void Attempt::finish_failed(std::error_code) {
  const std::unique_ptr<Attempt> self = upstream_.release(*this);
  if (exchange_ != nullptr) exchange_->on_error(*this);
}

void Attempt::time_out() {
  timed_out_ = true;
  upstream_.note_timeout(*this);
  if (exchange_ != nullptr) return exchange_->on_timeout(*this);
  upstream_.release(*this);
}

const char* health_text(Health health) {
  switch (health) {
    case Health::untried:
      return "untried";
    case Health::healthy:
      return "healthy";
    case Health::suspect:
      return "suspect";
    case Health::down:
      return "down";
  }
  return "?";
}

const char* protocol_text(Protocol protocol) {
  switch (protocol) {
    case Protocol::udp:
      return "udp";
    case Protocol::tcp:
      return "tcp";
    case Protocol::tls:
      return "tls";
  }
  return "?";
}

}  // namespace dnscache
