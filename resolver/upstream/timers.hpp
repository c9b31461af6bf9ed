// Moments at which something has to happen, for one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

namespace dnscache {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

class Timers;

/// Something that happens at a set moment, at most once for each time it is set.
class Timer {
 public:
  Timer(Timers& timers, std::function<void()> action)
      : timers_(timers), action_(std::move(action)) {}
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void set(TimePoint when);
  void cancel();
  bool is_set() const { return place_ != unset; }
  TimePoint when() const { return when_; }

 private:
  friend class Timers;
  static constexpr std::size_t unset = static_cast<std::size_t>(-1);

  Timers& timers_;
  std::function<void()> action_;
  TimePoint when_{};
  std::size_t place_ = unset;  // in the heap of `timers_`
};

/// All timers of one thread, so that thousands of questions share one timer of the system.
class Timers {
 public:
  /// The moment at which fire() is next needed.
  std::optional<TimePoint> next() const;
  /// Runs what is due at `now`; actions may set and cancel any timer.
  void fire(TimePoint now);
  /// Called when next() has become earlier.
  void on_earlier(std::function<void(TimePoint)> wake) { wake_ = std::move(wake); }

 private:
  friend class Timer;
  void insert(Timer& timer);
  void remove(Timer& timer);
  void put(std::size_t place, Timer* timer);
  void rise(std::size_t place);
  void sink(std::size_t place);

  std::vector<Timer*> heap_;  // the earliest first
  std::function<void(TimePoint)> wake_;
};

}  // namespace dnscache
