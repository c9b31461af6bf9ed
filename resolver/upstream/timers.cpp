#include "resolver/upstream/timers.hpp"

namespace dnscache {

void Timer::set(TimePoint when) {
  cancel();
  when_ = when;
  timers_.insert(*this);
}

void Timer::cancel() {
  if (is_set()) timers_.remove(*this);
}

std::optional<TimePoint> Timers::next() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front()->when_;
}

void Timers::fire(TimePoint now) {
  while (!heap_.empty() && heap_.front()->when_ <= now) {
    Timer& due = *heap_.front();
    remove(due);
    due.action_();
  }
}

void Timers::insert(Timer& timer) {
  heap_.push_back(&timer);
  rise(heap_.size() - 1);
  if (heap_.front() == &timer && wake_) wake_(timer.when_);
}

void Timers::remove(Timer& timer) {
  const std::size_t place = timer.place_;
  timer.place_ = Timer::unset;
  Timer* last = heap_.back();
  heap_.pop_back();
  if (last == &timer) return;
  put(place, last);
  rise(place);
  sink(last->place_);
}

void Timers::put(std::size_t place, Timer* timer) {
  heap_[place] = timer;
  timer->place_ = place;
}

void Timers::rise(std::size_t place) {
  Timer* timer = heap_[place];
  while (place > 0 && timer->when_ < heap_[(place - 1) / 2]->when_) {
    put(place, heap_[(place - 1) / 2]);
    place = (place - 1) / 2;
  }
  put(place, timer);
}

void Timers::sink(std::size_t place) {
  Timer* timer = heap_[place];
  for (;;) {
    std::size_t child = 2 * place + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1]->when_ < heap_[child]->when_) ++child;
    if (timer->when_ <= heap_[child]->when_) break;
    put(place, heap_[child]);
    place = child;
  }
  put(place, timer);
}

}  // namespace dnscache
