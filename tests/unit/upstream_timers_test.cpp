#include <catch2/catch.hpp>
#include <map>
#include <memory>

#include "resolver/upstream/timers.hpp"
#include "tests/support/random.hpp"

namespace dnscache {

using namespace std::chrono_literals;

TEST_CASE("timers fire in the order of their moments, once for each time they are set") {
  Timers timers;
  const TimePoint start{};
  std::string order;
  Timer a(timers, [&] { order += 'a'; }), b(timers, [&] { order += 'b'; }),
      c(timers, [&] { order += 'c'; });
  a.set(start + 3s);
  b.set(start + 1s);
  c.set(start + 2s);
  CHECK(timers.next() == start + 1s);
  a.set(start + 1500ms);  // moved, not set twice
  timers.fire(start + 1s);
  CHECK(order == "b");
  c.cancel();
  timers.fire(start + 10s);
  CHECK(order == "ba");
  CHECK_FALSE(timers.next());
  timers.fire(start + 20s);
  CHECK(order == "ba");
}

TEST_CASE("an action may set, cancel and destroy timers, itself included") {
  Timers timers;
  const TimePoint start{};
  unsigned fired = 0;
  auto doomed = std::make_unique<Timer>(timers, [&] { FAIL("it was destroyed"); });
  std::unique_ptr<Timer> itself;
  itself = std::make_unique<Timer>(timers, [&] {
    ++fired;
    doomed.reset();
    itself.reset();
  });
  Timer again(timers, [&] {
    if (++fired < 5) again.set(start + 1s);
  });
  itself->set(start);
  doomed->set(start + 1s);
  again.set(start + 1s);
  timers.fire(start + 1s);
  CHECK(fired == 5);
  CHECK_FALSE(timers.next());
}

TEST_CASE("whoever sleeps is woken only for what is earlier than all else") {
  Timers timers;
  unsigned wakes = 0;
  timers.on_earlier([&](TimePoint) { ++wakes; });
  Timer a(timers, [] {}), b(timers, [] {}), c(timers, [] {});
  a.set(TimePoint{} + 2s);
  b.set(TimePoint{} + 3s);
  CHECK(wakes == 1);
  c.set(TimePoint{} + 1s);
  CHECK(wakes == 2);
}

TEST_CASE("timers agree with a sorted list under random use") {
  Timers timers;
  test::Random random(17);
  std::multimap<TimePoint, std::size_t> model;
  std::vector<std::unique_ptr<Timer>> all;
  std::vector<std::size_t> fired;
  for (std::size_t i = 0; i < 200; ++i) {
    all.push_back(std::make_unique<Timer>(timers, [&fired, i] { fired.push_back(i); }));
  }
  const auto forget = [&](std::size_t i) {
    std::erase_if(model, [&](const auto& item) { return item.second == i; });
  };
  TimePoint now{};
  for (unsigned step = 0; step < 20000; ++step) {
    const std::size_t i = random() % all.size();
    if (random() % 4 == 0) {
      all[i]->cancel();
      forget(i);
    } else {
      const TimePoint when = now + std::chrono::milliseconds(random() % 1000);
      all[i]->set(when);
      forget(i);
      model.emplace(when, i);
    }
    if (random() % 10 != 0) continue;
    now += std::chrono::milliseconds(random() % 100);
    fired.clear();
    timers.fire(now);
    TimePoint last{};
    for (const std::size_t number : fired) {
      REQUIRE(all[number]->when() >= last);
      last = all[number]->when();
      REQUIRE(last <= now);
      forget(number);
    }
    REQUIRE((model.empty() || model.begin()->first > now));
    REQUIRE(timers.next() == (model.empty() ? std::nullopt : std::optional(model.begin()->first)));
  }
}

}  // namespace dnscache
