#include "resolver/cache/in_flight.hpp"

#include <utility>

namespace dnscache {

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

}  // namespace dnscache
