// What happens to a question that is not in the cache.
#pragma once

#include <memory>
#include <vector>

#include "resolver/answer_counters.hpp"
#include "resolver/base/task.hpp"
#include "resolver/cache/cache.hpp"
#include "resolver/cache/in_flight.hpp"
#include "resolver/dnssec/validator.hpp"
#include "resolver/outage.hpp"
#include "resolver/upstream/answer_rules.hpp"
#include "resolver/upstream/race.hpp"
#include "resolver/upstream/routes.hpp"

namespace dnscache {

/// Resolves what the cache does not hold. Belongs to one thread, so that which queries are
/// underway, how servers fare and what budgets are left needs no lock.
class Resolver {
 public:
  Resolver(World& world, Cache& cache, const Config& config);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Resolves a question; `reply` is called once, at the latest at the configured time-out.
  /// `hash` is what Cache::prepare() gave for it. `trace`, if any, describes how, and is complete
  /// when `reply` is called.
  void ask(const Question& question, std::uint64_t hash, ReplyFunction reply,
           ClientId client = this_machine, std::shared_ptr<Trace> trace = nullptr);
  /// Fetches an answer that will expire soon; a later hit may ask again when there is no room now.
  void refresh(const Question& question, std::uint64_t hash);
  /// Takes over another configuration. Servers that stay keep their health. Questions whose servers
  /// changed are asked at the new ones at once. Only names whose servers have all been replaced are
  /// flushed.
  void configure(const Config& config);
  /// What is being resolved now is answered, but not cached: it may not be asked any longer.
  void keep_nothing_in_flight() { ++generation_; }
  /// The machine's addresses or routes have changed.
  void on_network_change();
  /// Forgets what servers seem not to support.
  void forget_limitations() { routes_.forget_limitations(); }

  /// From now on answers are validated; null: no longer. When that is another validator, the
  /// configuration must have changed with it.
  void set_validator(std::shared_ptr<Validator> validator) { validator_ = std::move(validator); }
  /// What the validator asks: answered by servers, not by the cache.
  void fetch(const Question& question, OutcomeFunction done);
  /// Asks the servers for a name whether they answer; the cache is neither asked nor filled.
  void probe(const Question& question, std::shared_ptr<Trace> trace, OutcomeFunction done);
  const ValidationStats& validation_stats() const { return validation_stats_; }
  /// What was validated is validated anew.
  void forget_keys();

  /// Ends all that is underway: clients get SERVFAIL or stale data.
  void give_up();

  const Groups& groups() const { return routes_.groups(); }
  const InFlight& in_flight() const { return in_flight_; }
  void limit(const InFlightLimits& limits) { in_flight_.limit(limits); }
  /// How many questions have given way to others.
  std::uint64_t dropped() const { return dropped_; }
  /// How long questions took that were not in the cache, and how they ended.
  const RttEstimator& times() const { return times_; }
  const AnswerCounters& answers() const { return answers_; }
  /// Of the servers for all names that no route has.
  const Outage& outage() const { return outage_; }

 private:
  /// A question whose servers are being asked.
  class Underway {
   public:
    explicit Underway(Resolver& resolver, bool is_refresh = false);
    ~Underway();
    Underway(const Underway&) = delete;
    Underway& operator=(const Underway&) = delete;

    Inbox inbox;
    const UpstreamGroup* group = nullptr;  ///< null: by others for it, or by nobody yet
    bool is_outdated = false;              ///< these began with other servers

   private:
    Resolver& resolver_;
    std::size_t place_;
    bool is_refresh_;
  };
  /// What the validator asks.
  struct Fetch : Sharer {
    explicit Fetch(Inbox& of) : inbox(of) {}
    Inbox& inbox;
  };
  friend Task resolve(Resolver& resolver, Flight& flight);
  friend Task probe_servers(Resolver& resolver, Question question, std::shared_ptr<Trace> trace,
                            OutcomeFunction done);
  friend Task fetch_for_validator(Resolver& resolver, Question question, OutcomeFunction done);
  friend Async<Done> follow_alias(Resolver& resolver, Underway& underway, Flight& flight,
                                  TimePoint deadline, Outcome& outcome);
  friend Async<Done> ask_servers(Resolver& resolver, Underway& underway,
                                 const StoredQuestion& question, TimePoint deadline,
                                 RaceObserver& observer, Outcome& outcome);

  void flush_what_others_answer();
  std::optional<Answer> fresh_answer(const Question& question, std::uint64_t hash) const;
  std::optional<Answer> stale_answer(const Question& question, std::uint64_t hash) const;
  std::optional<Answer> older_answer(const Flight& flight, const Outcome& outcome);
  bool answer_with_stale(Flight& flight);
  std::unique_ptr<Timer> patience_with_servers(Flight& flight);
  void conclude(Flight& flight, Outcome outcome, bool is_current, RaceObserver& observer);
  Answer judge(const Question& question, Outcome outcome, RaceObserver& observer) const;
  std::optional<Name> cut_alias(const Question& question, Outcome& outcome) const;
  bool leads_elsewhere(Flight& flight, Outcome& outcome) const;
  void make_room();
  void ask_for_target(Flight& flight, ReplyFunction reply);
  bool leads_back(const Flight& flight, const Question& target);
  bool validates(const Question& question) const;
  bool is_validated(Flight& flight);
  void end_validation(Flight& flight, const Outcome& outcome);
  std::unique_ptr<const StoredQuestion> other_question(const Flight& flight) const;
  void count(const Outcome& outcome);
  void note_outcome(const Question& question, const Outcome& outcome);
  void note(const Flight& flight, const Outcome& outcome, TimePoint begun_at);
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
  AnswerRules rules_;
  unsigned generation_ = 0;  // answers to what was asked in an earlier one are not cached
  Routes routes_;
  InFlight in_flight_;
  std::uint64_t dropped_ = 0;
  bool is_given_up_ = false;
  std::vector<Underway*> underway_;
  std::size_t refreshing_ = 0;
  FairShares fetches_;  // by the validator
  RecentFailures recent_failures_;
  std::shared_ptr<Validator> validator_;  // null: nothing is validated
  ValidationStats validation_stats_;
  Outage outage_;
  RttEstimator times_;
  AnswerCounters answers_;
  std::vector<Traced> traced_;  // questions that are being validated
};

/// The path of one question that servers have to be asked, from its start to its last reply.
Task resolve(Resolver& resolver, Flight& flight);

}  // namespace dnscache
