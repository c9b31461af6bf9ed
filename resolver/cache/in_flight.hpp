// The questions that upstreams are being asked right now, or could not answer just now.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "resolver/cache/entry.hpp"
#include "resolver/cache/fair_shares.hpp"
#include "resolver/config/memory.hpp"

namespace dnscache {

struct Trace;
class Inbox;

/// Takes the answer to a question to whoever asked it.
using ReplyFunction = std::function<void(const Answer&)>;

/// How many replies are waited for, by all and by each client of the network.
class Waiters {
 public:
  void add(ClientId client);
  void remove(ClientId client);
  std::size_t total() const { return total_; }
  std::size_t of(ClientId client) const;

 private:
  std::size_t total_ = 0;
  std::unordered_map<ClientId, std::uint32_t> of_client_;  // without this machine
};

/// One question being resolved, with everybody who waits for its answer.
class Flight : public Sharer {
 public:
  /// `hash` is what Cache::prepare() gave; `waiters` counts those who wait for any flight.
  Flight(const Question& question, std::uint64_t hash, ClientId client, Waiters& waiters)
      : question_(question), hash_(hash), waiters_(waiters), client_(client) {}

  Question question() const { return question_.get(); }
  const StoredQuestion& stored_question() const { return question_; }
  std::uint64_t hash() const { return hash_; }
  ClientId client() const { return client_; }  ///< who asked first
  std::size_t waiting() const { return waiting_.size(); }
  /// Adds somebody who waits, or replies at once when stale data was given out already.
  void wait(ReplyFunction reply, ClientId client = this_machine);
  /// Replies to everybody who waits by now; the question goes on being resolved.
  void answer_early(Answer answer);
  void answer(const Answer& answer);

  std::shared_ptr<Trace> trace;            ///< null: nobody wants to know
  bool is_refresh = false;                 ///< nobody asked: the answer will expire soon
  bool is_dropped = false;                 ///< it gave way to others: its failure says nothing
  unsigned aliases = 0;                    ///< of other servers that have led here
  Inbox* inbox = nullptr;                  ///< of its coroutine
  std::unique_ptr<const Question> target;  ///< of its alias, which others answer; null: none
  bool waits_for_target = false;           ///< as one more who asks for it

 private:
  struct Waiter {
    ReplyFunction reply;
    ClientId client;
  };

  StoredQuestion question_;
  std::uint64_t hash_;
  Waiters& waiters_;
  ClientId client_;
  std::vector<Waiter> waiting_;
  std::unique_ptr<const Answer> early_;
};

/// How much may be in flight.
struct InFlightLimits {
  std::size_t flights = 8192;
  std::size_t waiting = 32768;  ///< clients

  /// As many as the memory holds; a validation takes far more than a question.
  static InFlightLimits from(const MemoryShares& shares, bool is_validating);
};

/// All flights of one thread: however many clients ask a question, it is resolved once.
class InFlight {
 public:
  explicit InFlight(const HashKey& key = random_hash_key()) : shares_(key) {}

  Flight* find(const Question& question, std::uint64_t hash);
  /// Whether `client` may wait; `flight` is what it would wait for, null: a new one.
  bool may_wait(ClientId client, const Flight* flight) const;
  Flight& start(const Question& question, std::uint64_t hash, ClientId client = this_machine);
  /// Ends a flight with its answer.
  void land(Flight& flight, const Answer& answer);
  /// Where there is no room for another flight: the one that is to give way, once.
  Flight* give_way();
  void limit(const InFlightLimits& limits) { limits_ = limits; }
  const InFlightLimits& limits() const { return limits_; }
  std::size_t size() const { return flights_.size(); }
  bool is_full() const { return shares_.size() >= limits_.flights; }
  /// How many wait for an answer, all flights together.
  std::size_t waiting() const { return waiters_.total(); }

 private:
  InFlightLimits limits_;
  Waiters waiters_;
  FairShares shares_;
  std::unordered_multimap<std::uint64_t, std::unique_ptr<Flight>> flights_;  // by hash
};

/// Questions that upstreams could not answer a few seconds ago, for those that have expired data in
/// the cache, where others have the failure: nobody is asked again at once (RFC 9520 section 3.2).
class RecentFailures {
 public:
  void add(std::uint64_t question_hash, CacheSeconds now);
  bool contains(std::uint64_t question_hash, CacheSeconds now);
  void clear();

 private:
  using Set = std::unordered_set<std::uint64_t>;
  void age(CacheSeconds now);

  CacheSeconds began_ = 0;  // with `young_`
  Set young_;
  Set old_;
};

}  // namespace dnscache
