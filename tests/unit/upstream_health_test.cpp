#include <catch2/catch.hpp>

#include "resolver/upstream/health.hpp"
#include "tests/support/random.hpp"

namespace dnscache {

using namespace std::chrono_literals;

TEST_CASE("nothing is known of a round-trip time before the first answer") {
  RttEstimator rtt;
  CHECK_FALSE(rtt.known());
  CHECK(rtt.p99() == 0ns);
  rtt.add(0ns);
  CHECK(rtt.known());
}

TEST_CASE("the smoothed round-trip time follows RFC 6298") {
  RttEstimator rtt;
  rtt.add(80ms);
  CHECK(rtt.smoothed() == 80ms);
  CHECK(rtt.variation() == 40ms);
  rtt.add(160ms);
  CHECK(rtt.variation() == 50ms);  // 40 + (80 - 40) / 4
  CHECK(rtt.smoothed() == 90ms);   // 80 + (160 - 80) / 8
  for (unsigned i = 0; i < 200; ++i) rtt.add(10ms);
  CHECK(rtt.smoothed() < 11ms);
  CHECK(rtt.variation() < 1ms);
}

TEST_CASE("the 99th percentile is right to a quarter, and no answer is too slow for it") {
  test::Random random(9);
  RttEstimator rtt;
  std::vector<Duration> samples;
  for (unsigned i = 0; i < 10000; ++i) {
    samples.push_back(std::chrono::microseconds(100 + random() % 100000));
    rtt.add(samples.back());
  }
  std::ranges::sort(samples);
  CHECK(rtt.p99() >= samples[9900]);
  CHECK(rtt.p99() <= samples[9900] * 5 / 4);
  RttEstimator slow;
  slow.add(std::chrono::hours(10));
  CHECK(slow.p99() > 8s);
}

TEST_CASE("the recent round-trip times are the last ones, in order") {
  RecentTimes times;
  CHECK(times.in_order().empty());
  times.add(1ms);
  times.add(std::nullopt);
  REQUIRE(times.in_order().size() == 2);
  CHECK(times.in_order()[0] == 1ms);
  CHECK_FALSE(times.in_order()[1]);
  for (unsigned i = 0; i < 40; ++i) times.add(std::chrono::milliseconds(i));
  REQUIRE(times.in_order().size() == RecentTimes::most);
  CHECK(times.in_order().front() == 8ms);
  CHECK(times.in_order().back() == 39ms);
}

TEST_CASE(
    "what a server seems not to support is believed when seen often enough, for ten minutes") {
  const TimePoint now{1h};
  Limitation edns;
  edns.observe(now, "drops it", 2);
  CHECK_FALSE(edns.holds(now));
  edns.observe(now, "drops it", 2);
  CHECK(edns.holds(now));
  CHECK(edns.reason() == "drops it");
  CHECK(edns.holds(now + 599s));
  CHECK_FALSE(edns.holds(now + 600s));
}

TEST_CASE("a server that has supported something is never believed not to") {
  const TimePoint now{1h};
  Limitation cookie;
  cookie.observe(now, "FORMERR", 1);
  cookie.refute();
  CHECK_FALSE(cookie.holds(now));
  for (unsigned i = 0; i < 10; ++i) cookie.observe(now, "FORMERR", 1);
  CHECK_FALSE(cookie.holds(now));
}

TEST_CASE("a failure at one type makes a server no more expensive for others") {
  Health health;
  TimePoint now{1h};
  health.responded(now, 2ms, QuestionKind::ipv4_address, false);
  const Duration before = health.expected_cost(QuestionKind::ipv4_address);
  for (unsigned i = 0; i < 20; ++i) {
    health.responded(now, std::nullopt, QuestionKind::ipv6_address, true);
    health.failed(now, "NOTIMP", QuestionKind::service_binding);
  }
  CHECK(health.expected_cost(QuestionKind::ipv4_address) == before);
  CHECK(health.expected_cost(QuestionKind::ipv6_address) > before + 50ms);
  CHECK(health.expected_cost(QuestionKind::service_binding) > before + 50ms);
}

TEST_CASE("a server is taken for dead by time-outs alone after three in a row and 800 ms") {
  Health health;
  TimePoint now{1h};
  health.responded(now, 2ms, QuestionKind::ipv4_address, false);
  health.sent(now);
  CHECK_FALSE(health.timed_out(now + 20ms, QuestionKind::ipv4_address));
  CHECK_FALSE(health.timed_out(now + 60ms, QuestionKind::ipv4_address));
  CHECK_FALSE(health.timed_out(now + 140ms, QuestionKind::ipv4_address));
  CHECK(health.timed_out(now + 800ms, QuestionKind::ipv4_address));
  CHECK(health.suspect(now + 800ms, "timed out"));
  CHECK_FALSE(health.suspect(now + 801ms, "timed out"));
  CHECK_FALSE(health.is_usable());
  health.responded(now + 900ms, 2ms, QuestionKind::ipv4_address, false);
  CHECK(health.state() == HealthState::healthy);
}

TEST_CASE("a server that fails at one type only is told from one that fails") {
  const TimePoint now{std::chrono::hours(1)};
  Health health;
  for (int i = 0; i < 10; ++i) {
    health.responded(now, 1ms, QuestionKind::ipv4_address, false);
    health.responded(now, 1ms, QuestionKind::ipv6_address, true);
  }
  CHECK(health.fails_at(QuestionKind::ipv6_address));
  CHECK_FALSE(health.fails_at(QuestionKind::ipv4_address));
  CHECK_FALSE(health.fails_at(QuestionKind::service_binding));  // not asked
  for (int i = 0; i < 10; ++i) health.responded(now, 1ms, QuestionKind::ipv4_address, true);
  CHECK_FALSE(health.fails_at(QuestionKind::ipv6_address));  // it fails at everything
}

}  // namespace dnscache
