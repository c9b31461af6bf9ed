#include "resolver/upstream/upstream.hpp"

#include <catch2/catch.hpp>

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

}  // namespace dnscache
