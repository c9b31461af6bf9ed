#include "resolver/upstream/upstream.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <string_view>
#include <utility>

#include "resolver/config/values.hpp"

namespace dnscache {
namespace {

constexpr Duration in_use_for = 60s;
constexpr Duration probe_question_lifetime = 10s;
constexpr unsigned case_checks_per_second = 10;
constexpr Duration cookie_missing_for = 10s;
constexpr std::size_t max_case_checked = 1024;

// Which every resolver answers, whatever other people's servers do.
Question root_question() { return {Name{}, rr_type::ns}; }

std::size_t hash_of(const Name& name) {
  const ByteView bytes = name.bytes();
  return std::hash<std::string_view>{}({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

UpstreamSettings::UpstreamSettings(const Config& config)
    : health(config.health),
      quota(config.quota),
      randomize_case(config.randomize_case),
      no_soa_ttl(static_cast<std::uint32_t>(config.cache.negative.default_ttl.count())) {}

bool is_same_server(const UpstreamConfig& a, const UpstreamConfig& b) {
  return a.endpoint == b.endpoint && a.protocol == b.protocol && a.tls_name == b.tls_name;
}

Upstream::Upstream(World& world, const UpstreamConfig& config, const UpstreamSettings& settings)
    : world_(world),
      config_(config),
      settings_(settings),
      source_address_(world.source_address(config.endpoint)),
      rate_(quota_for(config.endpoint, settings.quota)),
      cookie_(world.random()),
      probe_interval_(settings.health.probe_interval),
      probe_timer_(world.timers(), [this] { probe(); }) {}

Upstream::~Upstream() {
  attempts_.clear();
  if (datagrams_) datagrams_->close();
  if (stream_) stream_->close();
}

UpstreamCounters Upstream::counters() const {
  UpstreamCounters counters = counters_;
  if (datagrams_) counters.ignored += datagrams_->strays;
  return counters;
}

QueryForm Upstream::usual_form() const {
  const TimePoint now = world_.now();
  const bool over_udp = config_.protocol == Protocol::udp;  // nobody can forge into a stream
  QueryForm form;
  form.protocol = config_.protocol;
  form.edns = !limitations_.edns.holds(now);
  form.cookie = form.edns && over_udp && !limitations_.cookie.holds(now);
  form.mixed_case = settings_.randomize_case && over_udp && !limitations_.mixed_case.holds(now);
  return form;
}

Attempt* Upstream::send(const Question& question, const QueryForm& form, Inbox* inbox,
                        std::error_code& error) {
  const TimePoint now = world_.now();
  error = std::make_error_code(std::errc::resource_unavailable_try_again);
  if (!rate_.allows(now)) return nullptr;
  auto attempt = std::make_unique<Attempt>(*this, question, form, nullptr);
  error = carry(*attempt);
  if (error) return nullptr;
  rate_.count(now);
  ++counters_.sent;
  last_sent_ = attempt->sent_at_ = now;
  health_.sent(now);
  attempt->inbox_ = inbox;
  if (inbox != nullptr) inbox->add(*attempt);
  attempt->place_ = attempts_.size();
  attempts_.push_back(std::move(attempt));
  return attempts_.back().get();
}

std::error_code Upstream::carry(Attempt& attempt) {
  const Protocol protocol = attempt.form().protocol;
  auto& carrier = protocol == Protocol::udp ? datagrams_ : stream_;
  try {
    if (!carrier) carrier = world_.make_carrier(config_, protocol);
  } catch (const std::system_error&) {  // no descriptors left: that is not the server's failure
    return std::make_error_code(std::errc::resource_unavailable_try_again);
  }
  return carrier->send(attempt);
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

bool Upstream::take_packet() {
  const TimePoint now = world_.now();
  if (!rate_.allows(now)) return false;
  rate_.count(now);
  return true;
}

void Upstream::on_network_change() {
  const auto address = world_.source_address(config_.endpoint);
  if (!address) return;  // no network now: it may be the same again
  const auto former = std::exchange(source_address_, address);
  if (!former || *former == *address) return;
  health_ = Health();
  silent_since_.reset();
  throttled_since_.reset();
  forget_limitations();
  probe_question_.reset();
  probe_timer_.cancel();
}

void Upstream::forget_limitations() {
  limitations_ = {};
  cookie_ = Cookie(world_.random());
  missing_cookie_ = {};
  case_checked_.clear();
  lower_case_only_.clear();
}

void Upstream::log(LogLevel level, const char* what, const std::string& fields) {
  world_.log(level,
             fmt::format("upstream {}: upstream={} {}", what, address_text(config_), fields));
}

void Upstream::suspect(const std::string& why) {
  if (!health_.suspect(world_.now(), why)) return;
  silent_since_ = world_.now();
  log(LogLevel::warning, "silent", fmt::format("reason=\"{}\"", why));
  probe_interval_ = settings_.health.probe_interval;
  probe_timer_.set(world_.now() + probe_interval_);
  for (const auto& attempt : attempts_) attempt->report_suspected();
}

// Addresses are what every server answers; a name may become slow, so another one follows.
void Upstream::on_answer(const Question& question) {
  const TimePoint now = world_.now();
  const bool is_wanted =
      !probe_question_ ||
      (question.type == rr_type::a && (probe_question_->type != rr_type::a ||
                                       now - probe_question_since_ > probe_question_lifetime));
  if (!is_wanted) return;
  probe_question_ = question;
  probe_question_since_ = now;
}

void Upstream::log_recovery() {
  for (auto* since : {&silent_since_, &throttled_since_}) {
    if (!*since) continue;
    const std::chrono::duration<double> lasted = world_.now() - **since;
    const char* former = since == &silent_since_ ? "silent" : "throttled";
    log(LogLevel::warning, "answers again", fmt::format("{}_for={:.1f}s", former, lasted.count()));
    since->reset();
  }
}

void Upstream::log_throttling() {
  if (throttled_since_) return;
  throttled_since_ = world_.now();
  log(LogLevel::warning, "throttled",
      "reason=\"too many packets per second to link-local services\"");
}

void Upstream::on_response(const Attempt& attempt, const Response& response) {
  ++counters_.answered;
  log_recovery();
  const bool is_failure = response.answer.is_failure() || response.answer.is_lame;
  if (is_failure) ++counters_.errors;
  // A retry over TCP pays for its connection: that is not this server's round-trip time.
  const bool is_usual_way = attempt.form().protocol == config_.protocol;
  const TimePoint now = world_.now();
  const Duration rtt = now - attempt.sent_at();
  health_.responded(now, is_usual_way ? std::optional(rtt) : std::nullopt, kind_of(attempt.type()),
                    is_failure);
  if (response.has_edns) limitations_.edns.refute();
  probe_timer_.cancel();
  if (is_failure) {
    const bool is_lame = response.answer.is_lame;
    return health_.note_failure(now, is_lame ? "lame" : rcode_text(response.answer.rcode));
  }
  if (attempt.form().cookie && is_usual_way) limitations_.cookie.refute();
  if (attempt.has_capitals()) limitations_.mixed_case.refute();
}

void Upstream::on_failure(const Attempt& attempt, std::error_code reason) {
  ++counters_.errors;
  // What fails over TCP only, the fallback for large responses, says nothing about UDP.
  const bool is_usual_way = attempt.form().protocol == config_.protocol;
  const std::string why = (is_usual_way ? "" : "over TCP: ") + reason.message();
  if (!is_usual_way) {
    missing_cookie_.has_tcp_failed = true;
    return health_.note_failure(world_.now(), why);
  }
  health_.failed(world_.now(), why, kind_of(attempt.type()));
}

void Upstream::on_timeout(const QueryForm& form, QuestionKind kind, TimePoint sent_at,
                          bool another_responded) {
  ++counters_.timeouts;
  const TimePoint now = world_.now();
  if (form.protocol != config_.protocol) {
    missing_cookie_.has_tcp_failed = true;
    return health_.note_failure(now, "timed out over TCP");
  }
  const bool is_long_silent = health_.timed_out(now, kind);
  if (health_.has_responded_since(sent_at)) return;  // that name takes long, not the server
  if (config_.endpoint.address.is_link_local() && world_.is_throttled()) {
    log_throttling();
    return health_.note_failure(now, "throttled: too many packets per second");
  }
  // It may be this type that the server drops.
  if (!health_.has_responded_to(kind) && probe_question_) return probe_if_silent(sent_at);
  if (another_responded || is_long_silent) suspect("timed out");
}

void Upstream::on_limitation(Limitation Limitations::*which, const std::string& reason,
                             unsigned needed) {
  const TimePoint now = world_.now();
  Limitation& limitation = limitations_.*which;
  limitation.observe(now, reason, needed);
  if (!limitation.holds(now)) return;
  for (const auto& [what, known] : limitations_.by_name()) {
    if (known != &limitation) continue;
    log(LogLevel::warning, "limited", fmt::format("without=\"{}\" reason=\"it {}\"", what, reason));
  }
}

bool Upstream::accept_cookie(const Response& response, const QueryForm& form) {
  if (cookie_.accept(response.cookie)) {
    if (cookie_.is_established()) limitations_.cookie.refute();
    missing_cookie_ = {};
    return true;
  }
  const TimePoint now = world_.now();
  if (missing_cookie_.responses++ == 0) missing_cookie_.since = now;
  // Nobody forges into a stream. Where there is none, it takes many responses over some time.
  const bool is_gone = form.protocol != Protocol::udp ||
                       (missing_cookie_.has_tcp_failed && missing_cookie_.responses > 3 &&
                        now - missing_cookie_.since > cookie_missing_for);
  if (!is_gone) return false;
  cookie_.withdraw();
  missing_cookie_ = {};
  return true;
}

void Upstream::on_case_mattered(const Name& name) {
  if (lower_case_only_.size() >= max_case_checked) lower_case_only_.clear();
  lower_case_only_[name] = world_.now() + Limitation::lifetime;
  case_checked_.erase(hash_of(name.parent()));  // its neighbours may be the same
}

bool Upstream::does_case_matter(const Name& name) const {
  if (lower_case_only_.empty()) return false;
  const auto found = lower_case_only_.find(name);
  return found != lower_case_only_.end() && world_.now() < found->second;
}

bool Upstream::take_case_check(const Name& name) {
  const std::size_t hash = hash_of(name.parent());
  if (case_checked_.contains(hash)) return false;
  const TimePoint now = world_.now();
  if (now - case_checks_since_ > 1s) {
    case_checks_since_ = now;
    case_checks_ = 0;
  }
  if (++case_checks_ > case_checks_per_second) return false;
  if (case_checked_.size() >= max_case_checked) case_checked_.clear();
  case_checked_.insert(hash);
  return true;
}

void Upstream::on_query() {
  last_query_ = world_.now();
  if (!health_.is_usable() && !probe_timer_.is_set()) probe_timer_.set(last_query_);
}

void Upstream::probe_if_silent(TimePoint since) {
  const bool is_known = health_.has_responded_since(since) || last_probe_ >= since;
  if (is_known || !probe_question_) return;
  last_probe_ = world_.now();
  send_probe(*probe_question_);
  // Whoever owns the former name may have made it slow, but not the root.
  send_probe(root_question());
}

// Queries a silent server again, with a question that it has answered before.
void Upstream::probe() {
  if (world_.now() - last_query_ >= in_use_for) return;
  health_.probed();
  last_probe_ = world_.now();
  is_root_probed_ = !is_root_probed_;
  send_probe(is_root_probed_ ? root_question() : probe_question_.value_or(root_question()));
  probe_interval_ = std::min<Duration>(probe_interval_ * 2, settings_.health.probe_interval_max);
  probe_timer_.set(world_.now() + probe_interval_);
}

void Upstream::send_probe(const Question& question) {
  std::error_code error;
  if (Attempt* attempt = send(question, usual_form(), nullptr, error)) attempt->detach(false);
}

}  // namespace dnscache
