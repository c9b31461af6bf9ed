// What happens to a question that is not in the cache.
#pragma once

#include <memory>
#include <vector>

#include "resolver/cache/cache.hpp"
#include "resolver/cache/in_flight.hpp"
#include "resolver/dnssec/validator.hpp"
#include "resolver/policy/answer_rules.hpp"
#include "resolver/task.hpp"
#include "resolver/upstream/race.hpp"

namespace dnscache {

/// The groups of servers of one configuration, the longest zone first.
using Routes = std::vector<std::shared_ptr<UpstreamGroup>>;

/// Resolves what the cache does not hold. Belongs to one thread, so that which queries are
/// underway, how servers fare and what budgets are left needs no lock.
class Resolver {
 public:
  Resolver(World& world, Cache& cache, const Config& config);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Resolves a question; `reply` is called once, at the latest at the configured time-out.
  /// `trace`, if any, describes how, and is complete when `reply` is called.
  void ask(const Question& question, ReplyFunction reply, std::shared_ptr<Trace> trace = nullptr);
  /// Fetches an answer that will expire soon; a later hit may ask again when there is no room now.
  void refresh(const Question& question);
  /// Takes over another configuration. Servers that stay keep their health. Questions whose servers
  /// changed are asked at the new ones at once. Only names whose servers have all been replaced are
  /// flushed.
  void configure(const Config& config);
  /// What is being resolved now is answered, but not cached: it may not be asked any longer.
  void keep_nothing_in_flight() { ++generation_; }
  /// The network has changed: forgets how the servers fared.
  void forget_health();
  /// Forgets what servers seem not to support.
  void forget_limitations();

  /// From now on answers are validated; null: no longer. When that is another validator, the
  /// configuration must have changed with it.
  void set_validator(std::shared_ptr<Validator> validator) { validator_ = std::move(validator); }
  /// What the validator asks: answered by servers, not by the cache.
  void fetch(const Question& question, OutcomeFunction done);
  const ValidationStats& validation_stats() const { return validation_stats_; }
  /// What was validated is validated anew.
  void forget_keys();

  /// Ends all that is underway: clients get SERVFAIL or stale data.
  void give_up();

  const Routes& routes() const { return routes_; }
  std::size_t in_flight() const { return in_flight_.size(); }

 private:
  /// A question whose servers are being asked.
  class Underway {
   public:
    explicit Underway(Resolver& resolver, bool is_refresh = false);
    ~Underway();
    Underway(const Underway&) = delete;
    Underway& operator=(const Underway&) = delete;

    Inbox inbox;
    const UpstreamGroup* group = nullptr;  ///< null: by the validator, or by nobody yet
    bool is_outdated = false;              ///< the validator began with other servers

   private:
    Resolver& resolver_;
    std::size_t place_;
    bool is_refresh_;
  };
  friend Task resolve(Resolver& resolver, Flight& flight);
  friend Task fetch_for_validator(Resolver& resolver, Question question, OutcomeFunction done);
  friend Async<Outcome> ask_servers(Resolver& resolver, Underway& underway,
                                    const Question& question, RaceObserver& observer);

  Routes make_routes(const Config& config);
  std::shared_ptr<Upstream> find_upstream(const UpstreamConfig& server);
  void flush_what_others_answer();
  std::optional<Answer> fresh_answer(const Question& question) const;
  std::optional<Answer> stale_answer(const Question& question) const;
  std::optional<Answer> older_answer(const Question& question, const Outcome& outcome);
  Answer judge(const Question& question, Outcome outcome, RaceObserver& observer) const;
  std::uint8_t source_of(const Upstream& upstream) const;
  IpAddress address_of(std::uint8_t source) const;
  bool is_validated(const Question& question) const;
  Question as_asked(const Question& question) const;
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
  unsigned generation_ = 0;  // answers to what was asked in an earlier one are not cached
  std::vector<std::weak_ptr<Upstream>> upstreams_;
  Routes routes_;
  Routes cached_from_;  // the last ones with any servers: what is cached came from them
  InFlight in_flight_;
  std::vector<Underway*> underway_;
  std::size_t refreshing_ = 0;
  std::size_t fetching_ = 0;
  RecentFailures recent_failures_;
  std::shared_ptr<Validator> validator_;  // null: nothing is validated
  ValidationStats validation_stats_;
  std::vector<Traced> traced_;  // questions that are being validated
};

/// `name` is in wire form. The group whose zone is the longest that the name lies in; the root's is
/// the last.
const std::shared_ptr<UpstreamGroup>& group_for(const Routes& routes, ByteView name);

/// The path of one question that servers have to be asked, from its start to its last reply.
Task resolve(Resolver& resolver, Flight& flight);

}  // namespace dnscache
