#include "resolver/admission/admission.hpp"

#include <catch2/catch.hpp>

#include "resolver/config/read.hpp"

namespace dnscache {
namespace {

AdmissionControl control(const std::string& yaml) {
  const ConfigReading reading = read_config(yaml, "test");
  REQUIRE(reading);
  return AdmissionControl(reading.config);
}

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }

}  // namespace

TEST_CASE("clients: this machine, those of the access list, and the others") {
  const AdmissionControl closed = control("");
  CHECK(closed.admit(ip("127.0.0.1"), true, 0) == Admission::serve);
  CHECK(closed.admit(ip("::1"), true, 0) == Admission::serve);
  CHECK(closed.admit(ip("203.0.113.9"), true, 0) == Admission::refuse);
  const AdmissionControl open = control("acl: [10.0.0.0/8, \"fd00::/8\"]\n");
  CHECK(open.admit(ip("10.9.9.9"), true, 0) == Admission::serve);
  CHECK(open.admit(ip("fd00::9"), true, 0) == Admission::serve);
  CHECK(open.admit(ip("11.0.0.1"), true, 0) == Admission::refuse);
  CHECK(open.admit(ip("fe80::1"), true, 0) == Admission::refuse);
}

TEST_CASE("a network of clients has its share and gets it back with time") {
  const AdmissionControl limited =
      control("acl: [0.0.0.0/0, \"::/0\"]\nrate_limit: {queries_per_second: 10, burst: 5}\n");
  const auto admitted = [&](const char* client, std::uint64_t now, int queries = 20) {
    int count = 0;
    for (int i = 0; i < queries; ++i) {
      if (limited.admit(ip(client), true, now) == Admission::serve) ++count;
    }
    return count;
  };
  CHECK(admitted("10.0.0.1", 1000) == 5);
  CHECK(admitted("10.0.0.200", 1000) == 0);  // the same /24
  CHECK(admitted("10.0.1.1", 1000) == 5);
  CHECK(admitted("10.0.0.1", 1300) == 3);
  CHECK(admitted("10.0.0.1", 100'000'000) == 5);  // the clock of the buckets has wrapped
  CHECK(admitted("2001:db8:1:100::1", 1000) == 5);
  CHECK(admitted("2001:db8:1:1ff::1", 1000) == 0);  // the same /56
  CHECK(admitted("2001:db8:1:200::1", 1000) == 5);
  CHECK(admitted("127.0.0.1", 1000) == 20);
  CHECK(limited.admit(ip("10.0.0.1"), false, 1000) == Admission::serve);  // over TCP
}

TEST_CASE("more networks than there are buckets: nobody is turned away for it") {
  RateLimitConfig config;
  config.queries_per_second = 10;
  config.burst = 5;
  RateLimiter limiter(config);
  for (int i = 0; i < 60000; ++i) {
    const auto client =
        IpAddress::v4(10, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i), 1);
    if (!limiter.take(client, 5)) FAIL(i);
  }
}

}  // namespace dnscache
