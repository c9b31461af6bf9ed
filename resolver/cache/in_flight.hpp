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

namespace dnscache {

struct Trace;

/// Takes the answer to a question to whoever asked it.
using ReplyFunction = std::function<void(const Answer&)>;

/// One question being resolved, with everybody who waits for its answer.
class Flight {
 public:
  /// `hash` is what Cache::prepare() gave; `waiting_in_total` counts those who wait for any flight.
  Flight(const Question& question, std::uint64_t hash, std::size_t& waiting_in_total)
      : question_(question), hash_(hash), waiting_in_total_(waiting_in_total) {}

  const Question& question() const { return question_; }
  std::uint64_t hash() const { return hash_; }
  /// Adds somebody who waits, or replies at once when stale data was given out already.
  void wait(ReplyFunction reply);
  /// Replies to everybody who waits by now; the question goes on being resolved.
  void answer_early(Answer answer);
  void answer(const Answer& answer);

  std::shared_ptr<Trace> trace;  ///< null: nobody wants to know
  bool is_refresh = false;       ///< nobody asked: the answer will expire soon
  unsigned aliases = 0;          ///< of other servers that have led here
  /// The target of its alias, which it waits for as one more who asks.
  std::optional<Question> target;

 private:
  Question question_;
  std::uint64_t hash_;
  std::size_t& waiting_in_total_;
  std::vector<ReplyFunction> waiting_;
  std::optional<Answer> early_;
};

/// All flights of one thread: however many clients ask a question, it is resolved once.
class InFlight {
 public:
  Flight* find(const Question& question, std::uint64_t hash);
  Flight& start(const Question& question, std::uint64_t hash);
  /// Ends a flight with its answer.
  void land(Flight& flight, const Answer& answer);
  std::size_t size() const { return flights_.size(); }
  /// How many wait for an answer, all flights together.
  std::size_t waiting() const { return waiting_; }

 private:
  std::size_t waiting_ = 0;
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
