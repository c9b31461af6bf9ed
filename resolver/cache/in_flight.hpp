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
#include "resolver/cache/hash.hpp"

namespace dnscache {

struct Trace;

/// Takes the answer to a question to whoever asked it.
using ReplyFunction = std::function<void(const Answer&)>;

/// One question being resolved, with everybody who waits for its answer.
class Flight {
 public:
  /// `waiting_in_total` counts those who wait for any flight.
  Flight(const Question& question, std::size_t& waiting_in_total)
      : question_(question), waiting_in_total_(waiting_in_total) {}

  const Question& question() const { return question_; }
  /// Adds somebody who waits, or replies at once when stale data was given out already.
  void wait(ReplyFunction reply);
  /// Replies to everybody who waits by now; the question goes on being resolved.
  void answer_early(Answer answer);
  void answer(const Answer& answer);

  std::shared_ptr<Trace> trace;  ///< null: nobody wants to know
  bool is_refresh = false;       ///< nobody asked: the answer will expire soon

 private:
  Question question_;
  std::size_t& waiting_in_total_;
  std::vector<ReplyFunction> waiting_;
  std::optional<Answer> early_;
};

/// The seeded hash, because clients choose the names.
struct QuestionHash {
  const HashKey* key;
  std::size_t operator()(const Question& question) const {
    return hash_question(*key, question.name.bytes(), question.type, key_bits(question));
  }
};

/// All flights of one thread: however many clients ask a question, it is resolved once.
class InFlight {
 public:
  InFlight() : key_(random_hash_key()), flights_(64, QuestionHash{&key_}) {}

  Flight* find(const Question& question);
  Flight& start(const Question& question);
  /// Ends a flight with its answer.
  void land(Flight& flight, const Answer& answer);
  std::size_t size() const { return flights_.size(); }
  /// How many wait for an answer, all flights together.
  std::size_t waiting() const { return waiting_; }
  std::vector<Flight*> all() const;

 private:
  HashKey key_;
  std::size_t waiting_ = 0;
  std::unordered_map<Question, std::unique_ptr<Flight>, QuestionHash> flights_;
};

/// Questions that upstreams could not answer a few seconds ago, for those that have expired data in
/// the cache, where others have the failure: nobody is asked again at once (RFC 9520 section 3.2).
class RecentFailures {
 public:
  RecentFailures() : key_(random_hash_key()) {}

  void add(const Question& question, CacheSeconds now);
  bool contains(const Question& question, CacheSeconds now);
  void clear();

 private:
  using Set = std::unordered_set<Question, QuestionHash>;
  void age(CacheSeconds now);
  Set empty_set() const { return Set(8, QuestionHash{&key_}); }

  HashKey key_;
  CacheSeconds began_ = 0;  // with `young_`
  Set young_ = empty_set();
  Set old_ = empty_set();
};

}  // namespace dnscache
