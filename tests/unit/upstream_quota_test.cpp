#include <catch2/catch.hpp>
#include <deque>

#include "resolver/upstream/quota.hpp"
#include "tests/support/random.hpp"

namespace dnscache {
namespace {

using namespace std::chrono_literals;
constexpr TimePoint start{std::chrono::hours(100)};

}  // namespace

TEST_CASE("no second, wherever it begins, sees more packets than the limit") {
  const std::uint32_t limit = GENERATE(1u, 3u, 100u, 1024u);
  PacketRate rate(limit);
  test::Random random(limit);
  std::deque<TimePoint> sent;
  std::uint64_t total = 0;
  TimePoint now = start + std::chrono::milliseconds(random() % 1000);
  for (unsigned i = 0; i < 50000; ++i) {
    now += std::chrono::microseconds(random() % (random() % 100 == 0 ? 500000 : 300));
    while (!sent.empty() && sent.front() <= now - 1s) sent.pop_front();
    if (!rate.allows(now)) continue;
    rate.count(now);
    sent.push_back(now);
    ++total;
    REQUIRE(sent.size() <= limit);
  }
  CHECK(total > limit);
  CHECK(rate.peak() <= limit);
}

TEST_CASE("the window slides on: after a bit more than a second there is room again") {
  PacketRate rate(10);
  for (unsigned i = 0; i < 10; ++i) rate.count(start + 99ms);
  CHECK_FALSE(rate.allows(start + 99ms));
  CHECK_FALSE(rate.allows(start + 1098ms));
  CHECK(rate.allows(start + 1100ms));
  CHECK(rate.current(start + 1100ms) == 0);
  CHECK(rate.peak() == 10);
  rate.count(start + 24h);
  CHECK(rate.current(start + 24h) == 1);
}

TEST_CASE("extra packets stop at four fifths of the limit, however small it is") {
  for (const std::uint32_t limit : {1u, 2u, 4u, 5u, 1024u}) {
    PacketRate rate(limit);
    CHECK_FALSE(rate.is_tight(start));
    while (rate.current(start) < limit * 0.8) {
      CHECK_FALSE(rate.is_tight(start));
      rate.count(start);
    }
    CHECK(rate.is_tight(start));
  }
  PacketRate unlimited(0);
  for (unsigned i = 0; i < 5000; ++i) unlimited.count(start);
  CHECK(unlimited.allows(start));
  CHECK_FALSE(unlimited.is_tight(start));
}

TEST_CASE("the resolvers of a VPC have a quota unless another is configured") {
  const QuotaConfig automatic;
  QuotaConfig none, ten;
  none.packets_per_second = 0;
  ten.packets_per_second = 10;
  const auto quota = [](const char* address, const QuotaConfig& config) {
    return quota_for(*Endpoint::parse(address, 53), config);
  };
  CHECK(quota("169.254.169.253", automatic) == 1024);
  CHECK(quota("fd00:ec2::253", automatic) == 1024);
  CHECK(quota("198.51.100.1", automatic) == 0);
  CHECK(quota("127.0.0.2", automatic) == 0);
  CHECK(quota("169.254.169.253", none) == 0);
  CHECK(quota("198.51.100.1", ten) == 10);
}

TEST_CASE("only addresses of Route 53 Resolver are known to be alike") {
  CHECK(is_route53_resolver(*IpAddress::parse("169.254.169.253")));
  CHECK(is_route53_resolver(*IpAddress::parse("fd00:ec2::253")));
  CHECK_FALSE(is_route53_resolver(*IpAddress::parse("169.254.1.1")));
  CHECK_FALSE(is_route53_resolver(*IpAddress::parse("127.0.0.2")));
  CHECK_FALSE(is_route53_resolver(*IpAddress::parse("198.51.100.2")));
}

TEST_CASE("as many packets have room as the quota leaves") {
  TimePoint now{std::chrono::hours(1)};
  PacketRate rate(3);
  CHECK(rate.room(now) == 3);
  rate.count(now);
  rate.count(now);
  CHECK(rate.room(now) == 1);
  rate.count(now);
  CHECK(rate.room(now) == 0);
  CHECK(PacketRate(100'000).room(now) == 64);
  CHECK(PacketRate().room(now) == 64);
}

}  // namespace dnscache
