#include "resolver/cache/in_flight.hpp"

#include <utility>

namespace dnscache {
namespace {

// A client of the network may be a forged address: whatever waits is sent there at once.
constexpr std::size_t max_waiting_of_client = 1000;
constexpr std::size_t bytes_of_flight = 2048;
constexpr std::size_t bytes_of_waiter = 512;
constexpr std::size_t bytes_of_validation = 24 << 10;
constexpr std::size_t max_share_of_flight = 8;  // one question may have an eighth of all who wait
constexpr CacheSeconds failure_period = 2;    // seconds; each failure is known for one to two of it
constexpr std::size_t max_failures = 10'000;  // in one period

}  // namespace

void Waiters::add(ClientId client) {
  ++total_;
  if (client != this_machine) ++of_client_[client];
}

void Waiters::remove(ClientId client) {
  --total_;
  const auto found = of_client_.find(client);
  if (found != of_client_.end() && --found->second == 0) of_client_.erase(found);
}

std::size_t Waiters::of(ClientId client) const {
  const auto found = of_client_.find(client);
  return found == of_client_.end() ? 0 : found->second;
}

void Flight::wait(ReplyFunction reply, ClientId client) {
  if (early_) return reply(*early_);
  waiting_.push_back({std::move(reply), client});
  waiters_.add(client);
}

void Flight::answer_early(Answer answer) {
  early_ = std::make_unique<const Answer>(std::move(answer));
  this->answer(*early_);
}

void Flight::answer(const Answer& answer) {
  for (const Waiter& waiter : waiting_) waiters_.remove(waiter.client);
  for (const Waiter& waiter : std::exchange(waiting_, {})) waiter.reply(answer);
}

InFlightLimits InFlightLimits::from(const MemoryShares& shares, bool is_validating) {
  InFlightLimits limits;
  limits.flights = is_validating ? (shares.questions + shares.validator) / bytes_of_validation
                                 : shares.questions / bytes_of_flight;
  limits.waiting = shares.waiting / bytes_of_waiter;
  return limits;
}

Flight* InFlight::find(const Question& question, std::uint64_t hash) {
  const auto [begin, end] = flights_.equal_range(hash);
  for (auto place = begin; place != end; ++place) {
    if (place->second->stored_question() == question) return place->second.get();
  }
  return nullptr;
}

bool InFlight::may_wait(ClientId client, const Flight* flight) const {
  const bool is_popular =
      flight != nullptr && flight->waiting() >= limits_.waiting / max_share_of_flight;
  return waiting() < limits_.waiting && waiters_.of(client) < max_waiting_of_client && !is_popular;
}

Flight& InFlight::start(const Question& question, std::uint64_t hash, ClientId client) {
  auto flight = std::make_unique<Flight>(question, hash, client, waiters_);
  shares_.add(*flight, client, question.name.bytes());
  return *flights_.emplace(hash, std::move(flight))->second;
}

void InFlight::land(Flight& flight, const Answer& answer) {
  auto place = flights_.find(flight.hash());
  while (place->second.get() != &flight) ++place;
  const std::unique_ptr<Flight> landed = std::move(place->second);
  flights_.erase(place);
  shares_.remove(flight);
  landed->answer(answer);
}

Flight* InFlight::give_way() {
  Sharer* first = is_full() ? shares_.first_to_give_way() : nullptr;
  if (first == nullptr) return nullptr;
  shares_.remove(*first);
  return static_cast<Flight*>(first);
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
