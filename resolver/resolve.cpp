#include "resolver/resolve.hpp"

#include <algorithm>

#include "resolver/cache/restore.hpp"
#include "resolver/wire/build.hpp"

namespace dnscache {
namespace {

constexpr std::size_t max_in_flight = 10000;  // questions; each holds about 2 kB
constexpr std::size_t max_waiting = 50000;    // clients; each holds about 500 bytes
constexpr std::uint32_t failure_ttl = 2;      // seconds; RFC 9520 wants 1 s, we want no more
constexpr std::uint32_t no_such_zone_ttl = 10800;

std::uint32_t in_seconds(std::chrono::seconds duration) {
  return static_cast<std::uint32_t>(duration.count());
}

// Brings an upstream's answer within what the configuration allows to be kept.
void limit_lifetime(Answer& answer, const CacheConfig& cache) {
  if (answer.is_failure()) {
    answer.ttl = failure_ttl;
    return;
  }
  if (answer.has_data) answer.clamp_ttls(in_seconds(cache.min_ttl), UINT32_MAX);
  shorten_lifetime(answer, cache);
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

  Exchange exchange(group, question, trace);
  flight.exchange = &exchange;
  Outcome outcome = co_await exchange;

  patience_over.cancel();
  Answer answer;
  if (outcome.kind == Outcome::Kind::answered) {
    answer = std::move(outcome.answer);
    answer.source = resolver.source_of(*outcome.upstream);
    const auto& server = outcome.upstream->config().endpoint.address;
    const char* rule = resolver.rules_.apply(question, server, answer);
    if (rule != nullptr && trace != nullptr) trace->rule = rule;
  } else if (auto stale = resolver.stale_answer(question)) {
    resolver.recent_failures_.add(question, resolver.world_.cache_now());
    resolver.in_flight_.land(flight, *stale);
    co_return;
  } else {
    answer = explain_failure(outcome);
  }
  limit_lifetime(answer, resolver.config_.cache);
  // What servers said that have since been replaced is not kept.
  const bool is_current = routes == resolver.routes_ && generation == resolver.generation_;
  if (is_current) resolver.cache_.store(question, answer, resolver.world_.cache_now());
  resolver.in_flight_.land(flight, answer);
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
  for (Flight* flight : in_flight_.all()) flight->exchange->give_up();
}

void Resolver::configure(const Config& config) {
  const bool same_servers =
      config.upstreams == config_.upstreams && config.routes == config_.routes;
  const bool same_treatment = config.policy == config_.policy &&
                              config.timeout == config_.timeout && config.hedge == config_.hedge &&
                              config.health == config_.health && config.quota == config_.quota &&
                              config.cache.negative == config_.cache.negative;
  const AnswerRules rules(config);
  const bool same_rules = rules == rules_ && config.ignore_addresses == config_.ignore_addresses;
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

std::optional<Answer> Resolver::stale_answer(const Question& question) const {
  const ServeStaleConfig& serve_stale = config_.cache.serve_stale;
  if (!serve_stale.enabled) return std::nullopt;
  auto cached = cache_.find(question, world_.cache_now());
  if (!cached || cached->answer.is_failure()) return std::nullopt;
  if (cached->expired_for > in_seconds(serve_stale.max_age)) return std::nullopt;
  Answer answer = std::move(cached->answer);
  answer.set_ttls(in_seconds(serve_stale.ttl));
  answer.extended_error = answer.rcode == Rcode::nx_domain ? ExtendedError::stale_nxdomain
                                                           : ExtendedError::stale_answer;
  return answer;
}

}  // namespace dnscache
