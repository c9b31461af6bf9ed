// What happens to a question that is not in the cache.
#pragma once

#include <memory>
#include <set>
#include <vector>

#include "resolver/cache/cache.hpp"
#include "resolver/cache/in_flight.hpp"
#include "resolver/dnssec/validator.hpp"
#include "resolver/policy/answer_rules.hpp"
#include "resolver/task.hpp"
#include "resolver/upstream/exchange.hpp"

namespace dnscache {

/// The groups of upstreams of one configuration, the longest zone first.
using Routes = std::vector<std::unique_ptr<UpstreamGroup>>;

/// Resolves what the cache does not hold. Belongs to one thread, so that who is being asked, how
/// upstreams fare and what budgets are left needs no lock.
class Resolver {
 public:
  Resolver(World& world, Cache& cache, const Config& config);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Resolves a question; `reply` is called once, at the latest at the configured time-out.
  /// `trace`, if any, is told how, and is complete when `reply` is called.
  void ask(const Question& question, ReplyFunction reply, std::shared_ptr<Trace> trace = nullptr);
  /// Fetches an answer that will expire soon, if the budget for extra packets allows.
  void refresh(const Question& question);
  /// Takes over another configuration. What is known of the upstreams is kept when nothing about
  /// them has changed; the cache is emptied when a zone's upstreams are other servers.
  void configure(const Config& config);
  /// What is being asked now is answered, but not kept: it may not be asked any longer.
  void keep_nothing_in_flight() { ++generation_; }
  /// The network has changed: forgets how the upstreams fared.
  void forget_health();

  /// From now on answers are validated; null: no longer. When that is another validator, the
  /// configuration must have changed with it.
  void set_validator(std::shared_ptr<Validator> validator) { validator_ = std::move(validator); }
  /// What the validator asks: answered by upstreams, not by the cache.
  void fetch(const Question& question, OutcomeFunction done);
  const ValidationStats& validation_stats() const { return validation_stats_; }
  /// What was validated is validated anew.
  void forget_keys();

  /// Ends all flights: their clients get SERVFAIL or stale data.
  void give_up();

  const Routes& routes() const { return *routes_; }
  std::size_t in_flight() const { return in_flight_.size(); }

 private:
  friend Task resolve(Resolver& resolver, Flight& flight);
  friend Task ask_upstreams(Resolver& resolver, Question question, OutcomeFunction done);
  std::shared_ptr<const Routes> make_routes(const Config& config);
  UpstreamGroup& group_for(const Routes& routes, const Name& name) const;
  std::optional<Answer> fresh_answer(const Question& question) const;
  std::optional<Answer> stale_answer(const Question& question) const;
  std::uint8_t source_of(const Upstream& upstream) const;
  IpAddress address_of(std::uint8_t source) const;
  bool is_validated(const Question& question) const;
  void count(const Outcome& outcome);
  /// A question that somebody wants the story of.
  struct Traced {
    Question question;
    std::shared_ptr<Trace> trace;
  };
  std::shared_ptr<Trace> trace_of(const Question& question) const;
  void end_trace(const Question& question, const Outcome& outcome);
  void limit_lifetime(Answer& answer) const;

  World& world_;
  Cache& cache_;
  Config config_;
  std::vector<UpstreamConfig> sources_;
  AnswerRules rules_;
  unsigned generation_ = 0;  // answers to what was asked in an earlier one are not kept
  std::shared_ptr<const Routes> routes_;  // flights keep the ones they began with
  InFlight in_flight_;
  RecentFailures recent_failures_;
  std::shared_ptr<Validator> validator_;  // null: nothing is validated
  ValidationStats validation_stats_;
  std::vector<Traced> traced_;   // questions that are being validated
  std::set<Exchange*> fetches_;  // for the validator
};

/// The path of one question that upstreams have to be asked, from its start to its last reply.
Task resolve(Resolver& resolver, Flight& flight);

}  // namespace dnscache
