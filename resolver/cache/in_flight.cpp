#include "resolver/cache/in_flight.hpp"

#include <utility>

namespace dnscache {
namespace {

constexpr CacheSeconds failure_period = 2;    // seconds; each failure is known for one to two of it
constexpr std::size_t max_failures = 10'000;  // in one period

}  // namespace

void Flight::wait(ReplyFunction reply) {
  if (early_) return reply(*early_);
  waiting_.push_back(std::move(reply));
  ++waiting_in_total_;
}

void Flight::answer_early(Answer answer) {
  early_ = std::move(answer);
  this->answer(*early_);
}

void Flight::answer(const Answer& answer) {
  waiting_in_total_ -= waiting_.size();
  for (const ReplyFunction& reply : std::exchange(waiting_, {})) reply(answer);
}

Flight* InFlight::find(const Question& question, std::uint64_t hash) {
  const auto [begin, end] = flights_.equal_range(hash);
  for (auto place = begin; place != end; ++place) {
    if (place->second->question() == question) return place->second.get();
  }
  return nullptr;
}

Flight& InFlight::start(const Question& question, std::uint64_t hash) {
  return *flights_.emplace(hash, std::make_unique<Flight>(question, hash, waiting_))->second;
}

void InFlight::land(Flight& flight, const Answer& answer) {
  auto place = flights_.find(flight.hash());
  while (place->second.get() != &flight) ++place;
  const std::unique_ptr<Flight> landed = std::move(place->second);
  flights_.erase(place);
  landed->answer(answer);
}

void RecentFailures::add(std::uint64_t question_hash, CacheSeconds now) {
  age(now);
  if (young_.size() < max_failures) young_.insert(question_hash);
}

bool RecentFailures::contains(std::uint64_t question_hash, CacheSeconds now) {
  age(now);
  return young_.contains(question_hash) || old_.contains(question_hash);
}

void RecentFailures::clear() { young_ = old_ = {}; }

void RecentFailures::age(CacheSeconds now) {
  const CacheSeconds passed = now - began_;
  if (passed < failure_period) return;
  old_ = passed < 2 * failure_period ? std::move(young_) : Set();
  young_ = {};
  began_ = now;
}

}  // namespace dnscache
