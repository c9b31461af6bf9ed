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

Flight* InFlight::find(const Question& question) {
  const auto found = flights_.find(question);
  return found != flights_.end() ? found->second.get() : nullptr;
}

Flight& InFlight::start(const Question& question) {
  auto flight = std::make_unique<Flight>(question, waiting_);
  return *flights_.emplace(question, std::move(flight)).first->second;
}

void InFlight::land(Flight& flight, const Answer& answer) {
  const auto place = flights_.find(flight.question());
  const std::unique_ptr<Flight> landed = std::move(place->second);
  flights_.erase(place);
  landed->answer(answer);
}

std::vector<Flight*> InFlight::all() const {
  std::vector<Flight*> flights;
  for (const auto& [question, flight] : flights_) flights.push_back(flight.get());
  return flights;
}

void RecentFailures::add(const Question& question, CacheSeconds now) {
  age(now);
  if (young_.size() < max_failures) young_.insert(question);
}

bool RecentFailures::contains(const Question& question, CacheSeconds now) {
  age(now);
  return young_.contains(question) || old_.contains(question);
}

void RecentFailures::clear() { young_ = old_ = empty_set(); }

void RecentFailures::age(CacheSeconds now) {
  const CacheSeconds passed = now - began_;
  if (passed < failure_period) return;
  old_ = passed < 2 * failure_period ? std::move(young_) : empty_set();
  young_ = empty_set();
  began_ = now;
}

}  // namespace dnscache
