#include "resolver/resolve.hpp"

#include <algorithm>

#include "resolver/cache/restore.hpp"
#include "resolver/dnssec/validation.hpp"
#include "resolver/wire/build.hpp"
#include "resolver/wire/strip.hpp"

namespace dnscache {
namespace {

constexpr std::size_t max_in_flight = 10000;  // questions; each holds about 2 kB
constexpr std::size_t max_waiting = 50000;    // clients; each holds about 500 bytes
constexpr std::uint32_t failure_ttl = 2;      // seconds; RFC 9520 wants 1 s, we want no more
constexpr std::uint32_t bogus_ttl = 30;       // seconds; RFC 4035 section 4.7
constexpr std::uint32_t no_such_zone_ttl = 10800;

std::uint32_t in_seconds(std::chrono::seconds duration) {
  return static_cast<std::uint32_t>(duration.count());
}

// What is left of DNSSEC in an answer that is not validated here.
void mind_dnssec(DnssecMode mode, const Question& question, Answer& answer) {
  if (mode == DnssecMode::passthrough) return;
  answer.authentic = false;  // another's verdict (RFC 4035 section 3.2.3)
  if (mode == DnssecMode::off) strip_dnssec(question, answer);
}

// An upstream that validates would refuse what a negative trust anchor is to let through.
bool is_exempt(const DnssecConfig& dnssec, const Name& name) {
  return dnssec.mode == DnssecMode::validate &&
         std::ranges::any_of(dnssec.negative_trust_anchors,
                             [&](const Name& zone) { return name.is_within(zone); });
}

// BADVERS, BADCOOKIE and the like are between an upstream and us (RFC 6891 section 6.1.3).
bool is_for_us_alone(Rcode rcode) {
  return static_cast<std::uint16_t>(rcode) > header_flag::rcode_mask;
}

// The answer that says why there is none (RFC 8914).
Answer explain_failure(const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::failed:
      return is_for_us_alone(outcome.answer.rcode) ? failure(Rcode::server_failure)
                                                   : outcome.answer;
    case Outcome::Kind::silent:
      return failure(Rcode::server_failure, ExtendedError::no_reachable_authority);
    case Outcome::Kind::unreachable:
      return failure(Rcode::server_failure, ExtendedError::network_error);
    default:
      return failure(Rcode::server_failure, ExtendedError::other);
  }
}

}  // namespace

Task resolve(Resolver& resolver, Flight& flight) {
  const Question& question = flight.question();
  const std::shared_ptr<const Routes> routes = resolver.routes_;
  const unsigned generation = resolver.generation_;
  UpstreamGroup& group = resolver.group_for(*routes, question.name);
  Trace* const trace = flight.trace.get();
  if (trace != nullptr) trace->zone = group.zone().to_text();
  if (group.upstreams().empty()) {
    Answer none(Rcode::nx_domain);
    add_local_soa(none, group.zone(), no_such_zone_ttl);
    resolver.in_flight_.land(flight, none);
    co_return;
  }

  // Expired data is better than waiting for servers that have been silent for a while.
  const ServeStaleConfig& serve_stale = resolver.config_.cache.serve_stale;
  Timer patience_over(resolver.world_.timers(), [&resolver, &flight] {
    if (auto stale = resolver.stale_answer(flight.question())) {
      flight.answer_early(std::move(*stale));
    }
  });
  if (auto stale = resolver.stale_answer(question)) {
    const TimePoint now = resolver.world_.now();
    const TimePoint over = group.silent_since().value_or(now) + serve_stale.after;
    if (over <= now || group.is_short_of_quota()) {
      flight.answer_early(std::move(*stale));
    } else {
      patience_over.set(over);
    }
  }

  Outcome outcome;
  IpAddress asked_address;
  if (resolver.is_validated(question)) {
    const TimePoint deadline = resolver.world_.now() + resolver.config_.timeout;
    Validation validation(resolver.validator_, question, resolver.world_.timers(), deadline);
    flight.give_up = [&validation] { validation.give_up(); };
    if (trace != nullptr) resolver.traced_.push_back({question, flight.trace});
    outcome = co_await validation;
    resolver.count(outcome);
    if (trace != nullptr) resolver.end_trace(question, outcome);
    asked_address = resolver.address_of(outcome.answer.source);
  } else {
    Question asked = question;
    if (resolver.config_.dnssec.mode == DnssecMode::off) asked.dnssec_ok = false;
    if (is_exempt(resolver.config_.dnssec, question.name)) asked.checking_disabled = true;
    Exchange exchange(group, asked, trace);
    flight.give_up = [&exchange] { exchange.give_up(); };
    outcome = co_await exchange;
    if (outcome.upstream != nullptr) {
      asked_address = outcome.upstream->config().endpoint.address;
      outcome.answer.source = resolver.source_of(*outcome.upstream);
    }
    mind_dnssec(resolver.config_.dnssec.mode, question, outcome.answer);
  }

  patience_over.cancel();
  // What servers said that have since been replaced is not kept.
  const bool is_current = routes == resolver.routes_ && generation == resolver.generation_;
  if (outcome.kind != Outcome::Kind::answered && is_current) {
    if (auto fresh = resolver.fresh_answer(question)) {  // it could not be renewed, but is good
      resolver.in_flight_.land(flight, *fresh);
      co_return;
    }
  }
  Answer answer;
  if (outcome.kind == Outcome::Kind::answered) {
    answer = std::move(outcome.answer);
    const char* rule = resolver.rules_.apply(question, asked_address, answer);
    if (rule != nullptr && trace != nullptr) trace->rule = rule;
  } else if (outcome.kind == Outcome::Kind::bogus) {
    answer = std::move(outcome.answer);
  } else if (auto stale = resolver.stale_answer(question)) {
    resolver.recent_failures_.add(question, resolver.world_.cache_now());
    resolver.in_flight_.land(flight, *stale);
    co_return;
  } else {
    answer = explain_failure(outcome);
  }
  resolver.limit_lifetime(answer);
  if (outcome.kind == Outcome::Kind::bogus) answer.ttl = bogus_ttl;
  if (is_current) resolver.cache_.store(question, answer, resolver.world_.cache_now());
  resolver.in_flight_.land(flight, answer);
}

Task ask_upstreams(Resolver& resolver, Question question, OutcomeFunction done) {
  const std::shared_ptr<const Routes> routes = resolver.routes_;
  Outcome outcome;
  UpstreamGroup& group = resolver.group_for(*routes, question.name);
  if (group.upstreams().empty()) {
    outcome.kind = Outcome::Kind::answered;
    outcome.answer = Answer(Rcode::nx_domain);
    add_local_soa(outcome.answer, group.zone(), no_such_zone_ttl);
  } else {
    const std::shared_ptr<Trace> trace = resolver.trace_of(question);
    Exchange exchange(group, question, trace.get());
    resolver.fetches_.insert(&exchange);
    outcome = co_await exchange;
    resolver.fetches_.erase(&exchange);
    if (outcome.upstream != nullptr) outcome.answer.source = resolver.source_of(*outcome.upstream);
  }
  outcome.upstream = nullptr;  // it may be gone when the outcome is looked at
  if (outcome.kind != Outcome::Kind::answered && outcome.kind != Outcome::Kind::failed) {
    outcome.answer = Answer();
  }
  done(std::move(outcome));
}

// What the validator asks for carries DO and CD, which the client's question may lack.
std::shared_ptr<Trace> Resolver::trace_of(const Question& question) const {
  const auto found = std::ranges::find_if(traced_, [&](const Traced& traced) {
    return traced.question.name == question.name && traced.question.type == question.type;
  });
  return found == traced_.end() ? nullptr : found->trace;
}

void Resolver::end_trace(const Question& question, const Outcome& outcome) {
  const std::shared_ptr<Trace> trace = trace_of(question);
  std::erase_if(traced_, [&](const Traced& traced) { return traced.trace == trace; });
  if (!trace) return;
  const bool is_bogus = outcome.kind == Outcome::Kind::bogus;
  const char* verdict = outcome.answer.authentic ? "secure" : "insecure";
  if (is_bogus) verdict = "bogus";
  if (is_bogus || outcome.kind == Outcome::Kind::answered) {
    trace->notes.push_back(std::string("validated by DNSSEC: ") + verdict);
  }
  trace->ended_at = world_.now();
}

Resolver::Resolver(World& world, Cache& cache, const Config& config)
    : world_(world),
      cache_(cache),
      config_(config),
      sources_(all_upstreams(config)),
      rules_(config),
      routes_(make_routes(config)) {}

void Resolver::ask(const Question& question, ReplyFunction reply, std::shared_ptr<Trace> trace) {
  if (trace) trace->begun_at = world_.now();
  Flight* underway = in_flight_.find(question);
  const bool is_full = in_flight_.waiting() >= max_waiting ||
                       (underway == nullptr && in_flight_.size() >= max_in_flight);
  if (is_full) return reply(failure(Rcode::server_failure, ExtendedError::not_ready));
  if (trace) trace->has_joined = underway != nullptr;
  if (underway != nullptr) return underway->wait(std::move(reply));
  if (recent_failures_.contains(question, world_.cache_now())) {
    if (const auto stale = stale_answer(question)) return reply(*stale);
  }
  Flight& flight = in_flight_.start(question);
  flight.trace = std::move(trace);
  flight.wait(std::move(reply));
  resolve(*this, flight);
}

void Resolver::refresh(const Question& question) {
  if (in_flight_.find(question) != nullptr) return;
  UpstreamGroup& group = group_for(*routes_, question.name);
  if (!group.take_extra_packet()) return;
  resolve(*this, in_flight_.start(question));
}

Resolver::~Resolver() { give_up(); }

void Resolver::give_up() {
  for (Flight* flight : in_flight_.all()) flight->give_up();
  while (!fetches_.empty()) (*fetches_.begin())->give_up();
}

void Resolver::fetch(const Question& question, OutcomeFunction done) {
  if (fetches_.size() < max_in_flight) return void(ask_upstreams(*this, question, std::move(done)));
  done(Outcome{});
}

void Resolver::forget_keys() {
  if (validator_) validator_->forget();
}

bool Resolver::is_validated(const Question& question) const {
  return validator_ && validator_->covers(question);
}

void Resolver::count(const Outcome& outcome) {
  if (outcome.kind == Outcome::Kind::bogus) {
    ++validation_stats_.bogus;
  } else if (outcome.kind != Outcome::Kind::answered) {
    ++validation_stats_.failed;
  } else {
    ++(outcome.answer.authentic ? validation_stats_.secure : validation_stats_.insecure);
  }
}

// Brings an upstream's answer within what the configuration allows to be kept.
void Resolver::limit_lifetime(Answer& answer) const {
  if (answer.is_failure()) {
    answer.ttl = failure_ttl;
    return;
  }
  // Signatures limit the lifetime of what they sign (RFC 4035 section 5.3.3).
  const bool is_signed = validator_ && answer.authentic;
  if (answer.has_data && !is_signed) {
    answer.clamp_ttls(in_seconds(config_.cache.min_ttl), UINT32_MAX);
  }
  shorten_lifetime(answer, config_.cache);
}

void Resolver::configure(const Config& config) {
  const bool same_servers =
      config.upstreams == config_.upstreams && config.routes == config_.routes;
  const bool same_treatment = config.policy == config_.policy &&
                              config.timeout == config_.timeout && config.hedge == config_.hedge &&
                              config.health == config_.health && config.quota == config_.quota &&
                              config.cache.negative == config_.cache.negative;
  const AnswerRules rules(config);
  const bool same_rules = rules == rules_ && config.ignore_addresses == config_.ignore_addresses &&
                          config.dnssec == config_.dnssec;
  config_ = config;
  rules_ = rules;
  if (!same_rules) cache_.flush_all();
  if (same_servers && same_treatment && same_rules) return;
  sources_ = all_upstreams(config);
  routes_ = make_routes(config);
  recent_failures_.clear();
  if (!same_servers) cache_.flush_all();
}

void Resolver::forget_health() {
  recent_failures_.clear();
  for (const auto& group : *routes_) {
    for (const auto& upstream : group->upstreams()) upstream->forget();
  }
}

std::shared_ptr<const Routes> Resolver::make_routes(const Config& config) {
  Routes routes;
  for (const RouteConfig& route : config.routes) {
    routes.push_back(std::make_unique<UpstreamGroup>(world_, config, route.zone, route.upstreams));
  }
  routes.push_back(std::make_unique<UpstreamGroup>(world_, config, Name{}, config.upstreams));
  std::ranges::stable_sort(routes, [](const auto& a, const auto& b) {
    return a->zone().label_count() > b->zone().label_count();
  });
  return std::make_shared<const Routes>(std::move(routes));
}

// The longest zone that the name lies in; the root, which every name lies in, is the last.
UpstreamGroup& Resolver::group_for(const Routes& routes, const Name& name) const {
  return **std::ranges::find_if(routes,
                                [&](const auto& group) { return name.is_within(group->zone()); });
}

std::uint8_t Resolver::source_of(const Upstream& upstream) const {
  const auto found = std::ranges::find(sources_, upstream.config());
  const auto number = static_cast<std::size_t>(found - sources_.begin());
  return number < std::min<std::size_t>(sources_.size(), Answer::unknown_source)
             ? static_cast<std::uint8_t>(number)
             : Answer::unknown_source;
}

// The unspecified address, which is not private, when it is not known.
IpAddress Resolver::address_of(std::uint8_t source) const {
  return source < sources_.size() ? sources_[source].endpoint.address : IpAddress{};
}

std::optional<Answer> Resolver::fresh_answer(const Question& question) const {
  auto cached = cache_.find(question, world_.cache_now());
  if (!cached || cached->expired_for != 0 || cached->answer.is_failure()) return std::nullopt;
  Answer answer = std::move(cached->answer);
  answer.clamp_ttls(0, answer.ttl - cached->age);
  return answer;
}

std::optional<Answer> Resolver::stale_answer(const Question& question) const {
  const ServeStaleConfig& serve_stale = config_.cache.serve_stale;
  if (!serve_stale.enabled) return std::nullopt;
  auto cached = cache_.find(question, world_.cache_now());
  if (!cached || cached->answer.is_failure()) return std::nullopt;
  if (cached->expired_for > in_seconds(serve_stale.max_age)) return std::nullopt;
  Answer answer = std::move(cached->answer);
  answer.set_ttls(in_seconds(serve_stale.ttl));
  answer.authentic = false;  // its signatures may have expired with it
  answer.extended_error = answer.rcode == Rcode::nx_domain ? ExtendedError::stale_nxdomain
                                                           : ExtendedError::stale_answer;
  return answer;
}

}  // namespace dnscache
