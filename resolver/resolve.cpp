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

constexpr std::size_t max_refreshing = 256;  // each saves a client a wait, and costs nothing extra
constexpr std::uint32_t failure_ttl = 2;     // seconds; RFC 9520 wants 1 s, we want no more
constexpr std::uint32_t bogus_ttl = 30;      // seconds; RFC 4035 section 4.7
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
  const unsigned generation = resolver.generation_;
  const TimePoint begun_at = resolver.world_.now();
  const TimePoint deadline = begun_at + resolver.config_.timeout;
  RaceObserver& observer = flight.trace ? *flight.trace : RaceObserver::nobody();
  Resolver::Underway underway(resolver, flight.is_refresh);
  flight.inbox = &underway.inbox;
  const std::unique_ptr<Timer> patience = resolver.patience_with_servers(flight);

  Outcome outcome;
  if (resolver.is_validated(flight)) {
    co_await validate(resolver.validator_, flight.stored_question(), deadline, underway.inbox,
                      outcome);
    resolver.end_validation(flight, outcome);
  } else {
    const auto other = resolver.other_question(flight);
    const StoredQuestion& asked = other ? *other : flight.stored_question();
    co_await ask_servers(resolver, underway, asked, deadline, observer, outcome);
    if (resolver.leads_elsewhere(flight, outcome)) {
      observer.note("an alias leads to a name that other servers answer for");
      co_await follow_alias(resolver, underway, flight, deadline, outcome);
    }
  }
  if (patience) patience->cancel();
  resolver.note(flight, outcome, begun_at);
  const bool is_current = generation == resolver.generation_ && !underway.is_outdated;
  resolver.conclude(flight, std::move(outcome), is_current, observer);
}

// What servers said becomes what clients are told and what is cached.
void Resolver::conclude(Flight& flight, Outcome outcome, bool is_current, RaceObserver& observer) {
  const Question question = flight.question();
  if (const auto older = older_answer(flight, outcome)) {
    // Within its lifetime, but not for as long as there is nobody to ask.
    const bool is_down = routes_.group_for(question.name)->is_down();
    if (!is_down) cache_.allow_refresh(question, flight.hash());
    return in_flight_.land(flight, *older);
  }
  const Answer answer = judge(question, std::move(outcome), observer);
  answers_.count(question.type, answer.rcode);
  if (is_current && !flight.is_dropped && !answer.is_stale()) {
    cache_.store(question, flight.hash(), answer, world_.cache_now());
  }
  in_flight_.land(flight, answer);
}

Async<Done> ask_servers(Resolver& resolver, Resolver::Underway& underway,
                        const StoredQuestion& question, TimePoint deadline, RaceObserver& observer,
                        Outcome& outcome) {
  outcome.kind = Outcome::Kind::servers_changed;
  while (outcome.kind == Outcome::Kind::servers_changed) {
    const std::shared_ptr<UpstreamGroup> group = resolver.routes_.group_for(question.get().name);
    observer.begun(group->zone());
    underway.group = group.get();
    if (group->members().empty()) {
      outcome = without_servers(group->zone());
      break;
    }
    outcome = Outcome();
    co_await race(*group, question, deadline, underway.inbox, observer, outcome);
    if (outcome.upstream != nullptr) {
      outcome.answer.source = resolver.routes_.source_of(*outcome.upstream);
    }
    outcome.upstream = nullptr;  // it may be gone when the outcome is looked at
  }
  underway.group = nullptr;
  co_return Done();
}

// A coroutine of its own: few questions need the memory.
Async<Done> follow_alias(Resolver& resolver, Resolver::Underway& underway, Flight& flight,
                         TimePoint deadline, Outcome& outcome) {
  const auto found = std::make_shared<Finding<Answer>>(underway.inbox);
  ReplyFunction take = [found](const Answer& of) { found->put(of); };
  resolver.ask_for_target(flight, std::move(take));
  const auto answer = co_await wait_for(found, deadline);
  add_target(flight.question(), flight.target->name, answer, outcome);
  flight.target.reset();
  co_return Done();
}

Task fetch_for_validator(Resolver& resolver, Question question, OutcomeFunction done) {
  Resolver::Underway underway(resolver);
  Resolver::Fetch fetch(underway.inbox);
  resolver.fetches_.add(fetch, this_machine, question.name.bytes());
  const StoredQuestion stored(question);
  const std::shared_ptr<Trace> trace = resolver.trace_of(question);
  RaceObserver& observer = trace ? *trace : RaceObserver::nobody();
  const TimePoint deadline = resolver.world_.now() + resolver.config_.timeout;
  Outcome outcome;
  co_await ask_servers(resolver, underway, stored, deadline, observer, outcome);
  resolver.fetches_.remove(fetch);
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
  const StoredQuestion stored(question);
  Outcome outcome;
  co_await ask_servers(resolver, underway, stored, deadline, *trace, outcome);
  if (outcome.kind == Outcome::Kind::answered && resolver.validates(question)) {
    outcome = Outcome();
    co_await validate(resolver.validator_, stored, deadline, underway.inbox, outcome);
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
                   ClientId client, std::shared_ptr<Trace> trace) {
  const World::Turn turn(world_);
  if (trace) trace->begun_at = world_.now();
  Flight* underway = in_flight_.find(question, hash);
  if (!in_flight_.may_wait(client, underway)) {
    return reply(failure(Rcode::server_failure, ExtendedError::not_ready));
  }
  if (trace) trace->has_joined = underway != nullptr;
  if (underway != nullptr) return underway->wait(std::move(reply), client);
  if (recent_failures_.contains(hash, world_.cache_now())) {
    if (const auto stale = stale_answer(question, hash)) return reply(*stale);
  }
  make_room();
  Flight& flight = in_flight_.start(question, hash, client);
  flight.trace = std::move(trace);
  flight.wait(std::move(reply), client);
  resolve(*this, flight);
}

// Who has waited longest among those who take most gets SERVFAIL.
void Resolver::make_room() {
  while (Flight* flight = in_flight_.give_way()) {
    ++dropped_;
    flight->is_dropped = true;
    flight->inbox->put(Event::Kind::given_up);
  }
}

// The target is a question of its own: with its own servers, rules and place in the cache, and
// asked once for all who want it.
void Resolver::ask_for_target(Flight& flight, ReplyFunction reply) {
  const Question target = *flight.target;
  const std::uint64_t hash = cache_.prepare(target);
  if (!flight.is_refresh) {
    if (const auto cached = fresh_answer(target, hash)) return reply(*cached);
  }
  if (flight.aliases == max_aliases || leads_back(flight, target)) {
    return reply(failure(Rcode::server_failure));
  }
  flight.waits_for_target = true;
  ask(target, hash, std::move(reply), flight.client());
  if (Flight* of_target = in_flight_.find(target, hash)) {
    of_target->aliases = std::max(of_target->aliases, flight.aliases + 1);
  }
}

// Two flights that wait for each other would never end.
bool Resolver::leads_back(const Flight& flight, const Question& target) {
  const Question* next = &target;
  for (unsigned i = 0; next != nullptr && i <= max_aliases; ++i) {
    if (*next == flight.question()) return true;
    const Flight* waiting = in_flight_.find(*next, cache_.prepare(*next));
    const bool goes_on = waiting != nullptr && waiting->waits_for_target;
    next = goes_on ? waiting->target.get() : nullptr;
  }
  return next != nullptr;
}

// Sets the flight's target when its answer, of servers, leads out of its route.
bool Resolver::leads_elsewhere(Flight& flight, Outcome& outcome) const {
  mind_dnssec(config_.dnssec.mode, flight.question(), outcome.answer);
  const auto name = cut_alias(flight.question(), outcome);
  if (!name) return false;
  auto target = std::make_unique<Question>(flight.question());
  target->name = *name;
  flight.target = std::move(target);
  return true;
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
  const bool has_room = refreshing_ < max_refreshing && !in_flight_.is_full() &&
                        !routes_.group_for(question.name)->is_short_of_quota();
  if (!has_room) return cache_.allow_refresh(question, hash);
  const World::Turn turn(world_);
  Flight& flight = in_flight_.start(question, hash);
  flight.is_refresh = true;
  resolve(*this, flight);
}

void Resolver::give_up() {
  const World::Turn turn(world_);
  is_given_up_ = true;
  for (Underway* underway : underway_) underway->inbox.put(Event::Kind::given_up);
}

void Resolver::fetch(const Question& question, OutcomeFunction done) {
  const World::Turn turn(world_);
  // What the validator still works on for questions that nobody waits for gives way as well.
  while (fetches_.size() >= in_flight_.limits().flights) {
    Sharer* const first = fetches_.first_to_give_way();
    fetches_.remove(*first);
    static_cast<Fetch*>(first)->inbox.put(Event::Kind::given_up);
  }
  fetch_for_validator(*this, question, std::move(done));
}

void Resolver::probe(const Question& question, std::shared_ptr<Trace> trace, OutcomeFunction done) {
  const World::Turn turn(world_);
  probe_servers(*this, question, std::move(trace), std::move(done));
}

void Resolver::forget_keys() {
  if (validator_) validator_->forget();
}

bool Resolver::validates(const Question& question) const {
  return validator_ && validator_->covers(question);
}

bool Resolver::is_validated(Flight& flight) {
  const Question question = flight.question();
  if (!validates(question)) return false;
  if (flight.trace) traced_.push_back({question, flight.trace});
  return true;
}

void Resolver::end_validation(Flight& flight, const Outcome& outcome) {
  count(outcome);
  if (flight.trace) end_trace(flight.question(), outcome);
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

void Resolver::note(const Flight& flight, const Outcome& outcome, TimePoint begun_at) {
  if (!flight.is_dropped && !is_given_up_) note_outcome(flight.question(), outcome);
  if (!flight.is_refresh) times_.add(world_.now() - begun_at);
}

void Resolver::note_outcome(const Question& question, const Outcome& outcome) {
  const bool is_answered = outcome.kind == Outcome::Kind::answered;
  if (is_answered && !outage_.is_suspected()) return;
  const UpstreamGroup& group = *routes_.group_for(question.name);
  if (!group.zone().is_root()) return;
  const TimePoint now = world_.now();
  if (!is_answered) {
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

// What the configuration makes of a question before servers see it; null: it stays as it is.
std::unique_ptr<const StoredQuestion> Resolver::other_question(const Flight& flight) const {
  const Question question = flight.question();
  Question other = question;
  if (config_.dnssec.mode == DnssecMode::off) other.dnssec_ok = false;
  if (is_exempt(config_.dnssec, question.name)) other.checking_disabled = true;
  return other == question ? nullptr : std::make_unique<const StoredQuestion>(other);
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
std::unique_ptr<Timer> Resolver::patience_with_servers(Flight& flight) {
  const UpstreamGroup& group = *routes_.group_for(flight.question().name);
  const TimePoint now = world_.now();
  const TimePoint over = group.silent_since().value_or(now) + config_.cache.serve_stale.after;
  if (over <= now || group.is_short_of_quota()) {
    answer_with_stale(flight);
    return nullptr;
  }
  if (!stale_answer(flight.question(), flight.hash())) return nullptr;
  auto timer = std::make_unique<Timer>(world_.timers(), [&] { answer_with_stale(flight); });
  timer->set(over);
  return timer;
}

}  // namespace dnscache
