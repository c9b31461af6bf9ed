#include "resolver/upstream/inbox.hpp"

#include <algorithm>
#include <utility>

#include "resolver/upstream/attempt.hpp"

namespace dnscache {

Inbox::Inbox(World& world)
    : world_(world), timer_(world.timers(), [this] { put(Event::Kind::moment); }) {}

void Inbox::put(Event event) {
  events_.push_back(std::move(event));
  if (waiter_) world_.wake(std::exchange(waiter_, {}));
}

Inbox::Next Inbox::next(TimePoint until) {
  if (events_.empty() && !(timer_.is_set() && timer_.when() == until)) timer_.set(until);
  return Next{*this};
}

Event Inbox::take() {
  Event event = std::move(events_.front());
  events_.erase(events_.begin());
  if (events_.empty()) events_ = {};  // thousands of questions wait at a time
  return event;
}

void Inbox::give_up(unsigned number) {
  for (Attempt* attempt : attempts_) {
    if (attempt->number() == number) attempt->give_up();
  }
}

void Inbox::abandon(unsigned number) {
  give_up(number);
  free(number);
}

void Inbox::free(unsigned number) {
  const auto is_meant = [number](Attempt* attempt) { return attempt->number() == number; };
  const auto found = std::ranges::find_if(attempts_, is_meant);
  if (found == attempts_.end()) return;
  Attempt* const attempt = *found;
  attempts_.erase(found);
  attempt->detach(false);
}

void Inbox::detach_all(bool another_responded) {
  // Another race may follow, with other candidates.
  std::erase_if(events_, [](const Event& event) { return event.attempt != 0; });
  for (Attempt* attempt : std::exchange(attempts_, {})) attempt->detach(another_responded);
}

}  // namespace dnscache
