#include "resolver/resolve.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "resolver/cache/restore.hpp"
#include "resolver/cache/stale.hpp"
#include "resolver/config/schema.hpp"
#include "resolver/dnssec/validation.hpp"
#include "resolver/wire/alias.hpp"
#include "resolver/wire/build.hpp"
#include "resolver/wire/strip.hpp"

namespace dnscache {
namespace {

constexpr std::size_t max_in_flight = 10000;  // questions
constexpr std::size_t max_waiting = 50000;    // clients; each holds about 500 bytes
constexpr std::size_t max_refreshing = 256;   // each saves a client a wait, and costs nothing extra
constexpr std::uint32_t failure_ttl = 2;      // seconds; RFC 9520 wants 1 s, we want no more
constexpr std::uint32_t bogus_ttl = 30;       // seconds; RFC 4035 section 4.7
constexpr std::uint32_t no_such_zone_ttl = 10800;
constexpr Duration probe_patience = 3s;
constexpr unsigned max_aliases = 16;  // that lead from servers to servers, one after the other

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

// A route without servers says that its zone does not exist; nobody else is asked for the root.
Outcome without_servers(const Name& zone) {
  Outcome outcome;
  outcome.kind = zone.is_root() ? Outcome::Kind::unreachable : Outcome::Kind::answered;
  if (zone.is_root()) return outcome;
  outcome.answer = Answer(Rcode::nx_domain);
  add_local_soa(outcome.answer, zone, no_such_zone_ttl);
  return outcome;
}

// What has been found out about the target of the answer's last alias; nothing: too late.
void add_target(const Question& question, const Name& target, const std::optional<Answer>& found,
                Outcome& outcome) {
  if (!found) {
    outcome.kind = Outcome::Kind::silent;
  } else if (found->is_failure()) {
    outcome.kind = Outcome::Kind::failed;
    outcome.answer = *found;
  } else if (!append_target(question, target, *found, outcome.answer)) {
    outcome.kind = Outcome::Kind::failed;
    outcome.answer = failure(Rcode::server_failure);
  }
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

// Local data and the cache have been looked at by the worker, and nobody else asks the same: see
// decide() and Resolver::ask().
Task resolve(Resolver& resolver, Flight& flight) {
  const Question& question = flight.question();
  const unsigned generation = resolver.generation_;
  const TimePoint begun_at = resolver.world_.now();
  const TimePoint deadline = begun_at + resolver.config_.timeout;
  RaceObserver& observer = flight.trace ? *flight.trace : RaceObserver::nobody();
  Resolver::Underway underway(resolver, flight.is_refresh);
  Timer patience_over(resolver.world_.timers(), [&] { resolver.answer_with_stale(flight); });
  if (const auto over = resolver.patience_with_servers(flight)) patience_over.set(*over);

  Outcome outcome;
  if (resolver.is_validated(question)) {
    if (flight.trace) resolver.traced_.push_back({question, flight.trace});
    outcome = co_await validate(resolver.validator_, question, deadline, underway.inbox);
    resolver.count(outcome);
    if (flight.trace) resolver.end_trace(question, outcome);
  } else {
    const Question asked = resolver.as_asked(question);
    outcome = co_await ask_servers(resolver, underway, asked, deadline, observer);
    mind_dnssec(resolver.config_.dnssec.mode, question, outcome.answer);
    if (const auto target = resolver.cut_alias(question, outcome)) {
      observer.note("an alias leads to a name that other servers answer for");
      const auto found = std::make_shared<Finding<Answer>>(underway.inbox);
      resolver.ask_for_target(flight, *target, [found](const Answer& of) { found->put(of); });
      const auto answer = co_await wait_for(found, deadline);
      add_target(question, *target, answer, outcome);
      flight.target.reset();
    }
  }
  patience_over.cancel();
  resolver.note_outcome(question, outcome);
  if (!flight.is_refresh) resolver.times_.add(resolver.world_.now() - begun_at);

  if (const auto older = resolver.older_answer(flight, outcome)) {
    // Within its lifetime, but not for as long as there is nobody to ask.
    const bool is_down = resolver.routes_.group_for(question.name)->is_down();
    if (!is_down) resolver.cache_.allow_refresh(question, flight.hash());
    resolver.in_flight_.land(flight, *older);
    co_return;
  }
  const Answer answer = resolver.judge(question, std::move(outcome), observer);
  ++resolver.rcodes_[static_cast<std::size_t>(answer.rcode) % resolver.rcodes_.size()];
  const bool is_current = generation == resolver.generation_ && !underway.is_outdated;
  if (is_current && !answer.is_stale()) {
    resolver.cache_.store(question, flight.hash(), answer, resolver.world_.cache_now());
  }
  resolver.in_flight_.land(flight, answer);
}

Async<Outcome> ask_servers(Resolver& resolver, Resolver::Underway& underway,
                           const Question& question, TimePoint deadline, RaceObserver& observer) {
  Outcome outcome;
  outcome.kind = Outcome::Kind::servers_changed;
  while (outcome.kind == Outcome::Kind::servers_changed) {
    const std::shared_ptr<UpstreamGroup> group = resolver.routes_.group_for(question.name);
    observer.begun(group->zone());
    underway.group = group.get();
    if (group->members().empty()) {
      outcome = without_servers(group->zone());
      break;
    }
    outcome = co_await race(*group, question, deadline, underway.inbox, observer);
    if (outcome.upstream != nullptr) {
      outcome.answer.source = resolver.routes_.source_of(*outcome.upstream);
    }
    outcome.upstream = nullptr;  // it may be gone when the outcome is looked at
  }
  underway.group = nullptr;
  co_return outcome;
}

Task fetch_for_validator(Resolver& resolver, Question question, OutcomeFunction done) {
  ++resolver.fetching_;
  Resolver::Underway underway(resolver);
  const std::shared_ptr<Trace> trace = resolver.trace_of(question);
  RaceObserver& observer = trace ? *trace : RaceObserver::nobody();
  const TimePoint deadline = resolver.world_.now() + resolver.config_.timeout;
  Outcome outcome = co_await ask_servers(resolver, underway, question, deadline, observer);
  --resolver.fetching_;
  (void)resolver.cut_alias(question, outcome);  // the validator asks for the target by itself
  if (outcome.kind != Outcome::Kind::answered && outcome.kind != Outcome::Kind::failed) {
    outcome.answer = Answer();
  }
  done(std::move(outcome));
}

// A validator may have the answer from before, so the servers are asked first.
Task probe_servers(Resolver& resolver, Question question, std::shared_ptr<Trace> trace,
                   OutcomeFunction done) {
  Resolver::Underway underway(resolver);
  const TimePoint deadline =
      resolver.world_.now() + std::min<Duration>(resolver.config_.timeout, probe_patience);
  trace->begun_at = resolver.world_.now();
  Outcome outcome = co_await ask_servers(resolver, underway, question, deadline, *trace);
  if (outcome.kind == Outcome::Kind::answered && resolver.is_validated(question)) {
    outcome = co_await validate(resolver.validator_, question, deadline, underway.inbox);
  }
  resolver.note_outcome(question, outcome);
  done(std::move(outcome));
}

Resolver::Underway::Underway(Resolver& resolver, bool is_refresh)
    : inbox(resolver.world_),
      resolver_(resolver),
      place_(resolver.underway_.size()),
      is_refresh_(is_refresh) {
  resolver.underway_.push_back(this);
  if (is_refresh_) ++resolver_.refreshing_;
}

Resolver::Underway::~Underway() {
  std::vector<Underway*>& all = resolver_.underway_;
  all[place_] = all.back();
  all[place_]->place_ = place_;
  all.pop_back();
  if (is_refresh_) --resolver_.refreshing_;
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
    : world_(world), cache_(cache), config_(config), rules_(config), routes_(world, config) {
  cache_.configure(config);
}

Resolver::~Resolver() { give_up(); }

void Resolver::ask(const Question& question, std::uint64_t hash, ReplyFunction reply,
                   std::shared_ptr<Trace> trace) {
  const World::Turn turn(world_);
  if (trace) trace->begun_at = world_.now();
  Flight* underway = in_flight_.find(question, hash);
  const bool is_full = in_flight_.waiting() >= max_waiting ||
                       (underway == nullptr && in_flight_.size() >= max_in_flight);
  if (is_full) return reply(failure(Rcode::server_failure, ExtendedError::not_ready));
  if (trace) trace->has_joined = underway != nullptr;
  if (underway != nullptr) return underway->wait(std::move(reply));
  if (recent_failures_.contains(hash, world_.cache_now())) {
    if (const auto stale = stale_answer(question, hash)) return reply(*stale);
  }
  Flight& flight = in_flight_.start(question, hash);
  flight.trace = std::move(trace);
  flight.wait(std::move(reply));
  resolve(*this, flight);
}

// The target is a question of its own: with its own servers, rules and place in the cache, and
// asked once for all who want it.
void Resolver::ask_for_target(Flight& flight, const Name& name, ReplyFunction reply) {
  Question target = flight.question();
  target.name = name;
  const std::uint64_t hash = cache_.prepare(target);
  if (!flight.is_refresh) {
    if (const auto cached = fresh_answer(target, hash)) return reply(*cached);
  }
  if (flight.aliases == max_aliases || leads_back(flight, target)) {
    return reply(failure(Rcode::server_failure));
  }
  flight.target = target;
  ask(target, hash, std::move(reply));
  if (Flight* of_target = in_flight_.find(target, hash)) {
    of_target->aliases = std::max(of_target->aliases, flight.aliases + 1);
  }
}

// Two flights that wait for each other would never end.
bool Resolver::leads_back(const Flight& flight, const Question& target) {
  std::optional<Question> next = target;
  for (unsigned i = 0; next && i <= max_aliases; ++i) {
    if (*next == flight.question()) return true;
    const Flight* waiting = in_flight_.find(*next, cache_.prepare(*next));
    next = waiting != nullptr ? waiting->target : std::nullopt;
  }
  return next.has_value();
}

// The alias at which an answer leads out of its route; what came after it is gone then.
std::optional<Name> Resolver::cut_alias(const Question& question, Outcome& outcome) const {
  if (outcome.kind != Outcome::Kind::answered || !routes_.are_several()) return std::nullopt;
  const auto leads_out = [&](const Name& target) {
    return routes_.lead_out(question.name, target);
  };
  return dnscache::cut_alias(question, leads_out, outcome.answer);
}

void Resolver::refresh(const Question& question, std::uint64_t hash) {
  if (in_flight_.find(question, hash) != nullptr) return;
  const bool has_room = refreshing_ < max_refreshing && in_flight_.size() < max_in_flight &&
                        !routes_.group_for(question.name)->is_short_of_quota();
  if (!has_room) return cache_.allow_refresh(question, hash);
  const World::Turn turn(world_);
  Flight& flight = in_flight_.start(question, hash);
  flight.is_refresh = true;
  resolve(*this, flight);
}

void Resolver::give_up() {
  const World::Turn turn(world_);
  for (Underway* underway : underway_) underway->inbox.put(Event::Kind::given_up);
}

void Resolver::fetch(const Question& question, OutcomeFunction done) {
  if (fetching_ >= max_in_flight) return done(Outcome{});
  const World::Turn turn(world_);
  fetch_for_validator(*this, question, std::move(done));
}

void Resolver::probe(const Question& question, std::shared_ptr<Trace> trace, OutcomeFunction done) {
  const World::Turn turn(world_);
  probe_servers(*this, question, std::move(trace), std::move(done));
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

void Resolver::note_outcome(const Question& question, const Outcome& outcome) {
  const UpstreamGroup& group = *routes_.group_for(question.name);
  if (!group.zone().is_root()) return;
  const TimePoint now = world_.now();
  if (outcome.kind != Outcome::Kind::answered) {
    if (!outage_.failed(question.name, now)) return;
    return world_.log(LogLevel::error,
                      fmt::format("lookups fail: last={} outcome=\"{}\"", question.name.to_text(),
                                  outcome_text(outcome.kind)));
  }
  if (const auto lasted = outage_.answered(now)) {
    const std::chrono::duration<double> seconds = *lasted;
    world_.log(LogLevel::warning,
               fmt::format("lookups work again: failed_for={:.1f}s", seconds.count()));
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
  const World::Turn turn(world_);
  const bool keeps_answers = !has_change_of(ChangeCost::flush, config_, config);
  config_ = config;
  rules_ = AnswerRules(config);
  cache_.configure(config);
  if (!keeps_answers) {
    cache_.flush_all();
    keep_nothing_in_flight();
  }
  if (!routes_.configure(config)) return;
  recent_failures_.clear();
  flush_what_others_answer();
  for (Underway* underway : underway_) {
    const bool is_replaced = underway->group != nullptr && !routes_.has(underway->group);
    if (is_replaced) underway->inbox.put(Event::Kind::servers_changed);
    if (underway->group == nullptr) underway->is_outdated = true;
  }
}

// Names whose servers have all been replaced may have other answers now.
void Resolver::flush_what_others_answer() {
  const auto is_replaced = [&](const Entry& entry) { return routes_.have_replaced(entry.name()); };
  std::uint64_t count = 0;
  CachePosition position;
  while (cache_.flush_some(position, 4096, is_replaced, count)) {
  }
  routes_.keep_up();
}

void Resolver::on_network_change() {
  recent_failures_.clear();
  routes_.on_network_change();
}

// What clients get in place of an answer that did not come.
std::optional<Answer> Resolver::older_answer(const Flight& flight, const Outcome& outcome) {
  if (outcome.kind == Outcome::Kind::answered) return std::nullopt;
  auto fresh = fresh_answer(flight.question(), flight.hash());
  if (fresh) return fresh;  // it could not be renewed, but is good
  if (outcome.kind == Outcome::Kind::bogus) return std::nullopt;
  auto stale = stale_answer(flight.question(), flight.hash());
  if (stale) recent_failures_.add(flight.hash(), world_.cache_now());
  return stale;
}

// The answer that clients get, and for how long it may be cached.
Answer Resolver::judge(const Question& question, Outcome outcome, RaceObserver& observer) const {
  Answer answer = std::move(outcome.answer);
  if (outcome.kind == Outcome::Kind::answered) {
    const char* rule = rules_.apply(question, routes_.address_of(answer.source), answer);
    if (rule != nullptr) observer.ruled(rule);
  } else if (outcome.kind != Outcome::Kind::bogus) {
    outcome.answer = std::move(answer);
    answer = explain_failure(outcome);
  }
  limit_lifetime(answer);
  if (outcome.kind == Outcome::Kind::bogus) answer.ttl = bogus_ttl;
  return answer;
}

// What the configuration makes of a question before servers see it.
Question Resolver::as_asked(const Question& question) const {
  Question asked = question;
  if (config_.dnssec.mode == DnssecMode::off) asked.dnssec_ok = false;
  if (is_exempt(config_.dnssec, question.name)) asked.checking_disabled = true;
  return asked;
}

std::optional<Answer> Resolver::fresh_answer(const Question& question, std::uint64_t hash) const {
  auto cached = cache_.find(question, hash, world_.cache_now());
  if (!cached || cached->expired_for != 0 || cached->answer.is_failure()) return std::nullopt;
  Answer answer = std::move(cached->answer);
  answer.clamp_ttls(0, answer.ttl - cached->age);
  return answer;
}

std::optional<Answer> Resolver::stale_answer(const Question& question, std::uint64_t hash) const {
  return dnscache::stale_answer(cache_, question, hash, world_.cache_now(),
                                config_.cache.serve_stale);
}

bool Resolver::answer_with_stale(Flight& flight) {
  auto stale = stale_answer(flight.question(), flight.hash());
  if (stale) flight.answer_early(std::move(*stale));
  return stale.has_value();
}

// Expired data is better than waiting for servers that have been silent for a while. Until when
// they are waited for; nothing when there is no such data, or it is given out now.
std::optional<TimePoint> Resolver::patience_with_servers(Flight& flight) {
  const UpstreamGroup& group = *routes_.group_for(flight.question().name);
  const TimePoint now = world_.now();
  const TimePoint over = group.silent_since().value_or(now) + config_.cache.serve_stale.after;
  if (over <= now || group.is_short_of_quota()) {
    answer_with_stale(flight);
    return std::nullopt;
  }
  return stale_answer(flight.question(), flight.hash()) ? std::optional(over) : std::nullopt;
}

}  // namespace dnscache
