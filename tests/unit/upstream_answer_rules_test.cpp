#include <algorithm>
#include <catch2/catch.hpp>

#include "resolver/admission/own_addresses.hpp"
#include "resolver/upstream/answer_rules.hpp"

namespace dnscache {
namespace {

bool is_target(const char* address, bool allow_localhost = false) {
  return is_rebind_target(*IpAddress::parse(address), allow_localhost);
}

}  // namespace

TEST_CASE("private addresses are no answer of the Internet, in whatever form") {
  const char* address =
      GENERATE("10.1.1.1", "172.31.0.1", "192.168.0.1", "169.254.169.254", "127.0.0.1", "0.0.0.0",
               "::1", "::", "fe80::1", "fd00::1", "::ffff:10.1.1.1", "::10.1.1.1",
               "64:ff9b::a01:101", "2002:a01:101::1", "64:ff9b:1::a01:101", "::ffff:127.0.0.1");
  CAPTURE(address);
  CHECK(is_target(address));
}

TEST_CASE("public addresses are, in whatever form") {
  const char* address =
      GENERATE("9.9.9.9", "100.64.1.1", "172.32.0.1", "100.128.0.1", "2620:fe::fe",
               "::ffff:9.9.9.9", "64:ff9b::909:909", "2002:909:909::1");
  CAPTURE(address);
  CHECK_FALSE(is_target(address));
}

TEST_CASE("this host's addresses may be allowed") {
  CHECK_FALSE(is_target("127.0.0.1", true));
  CHECK_FALSE(is_target("::1", true));
  CHECK_FALSE(is_target("::ffff:127.0.0.1", true));
  CHECK(is_target("10.0.0.1", true));
}

TEST_CASE("this machine's addresses are known") {
  const auto addresses = own_addresses();
  REQUIRE(addresses);
  CHECK(std::ranges::count(*addresses, IpAddress::v4(127, 0, 0, 1)) == 1);
}

TEST_CASE("an address that this machine gets later is soon known, and one that it loses is not") {
  std::vector<IpAddress> now_there{IpAddress::v4(192, 0, 2, 1)};
  unsigned readings = 0;
  OwnAddresses own([&] {
    ++readings;
    return now_there;
  });
  CHECK(own.has(IpAddress::v4(192, 0, 2, 1), 10'000));
  now_there = {IpAddress::v4(192, 0, 2, 2)};
  CHECK_FALSE(own.has(IpAddress::v4(192, 0, 2, 2), 10'050));
  CHECK(readings == 1);
  CHECK(own.has(IpAddress::v4(192, 0, 2, 2), 10'100));
  CHECK_FALSE(own.has(IpAddress::v4(192, 0, 2, 1), 10'101));
  now_there.clear();
  for (std::uint64_t at = 10'110; at < 11'100; at += 10) {
    CHECK(own.has(IpAddress::v4(192, 0, 2, 2), at));
  }
  CHECK(readings == 2);
  CHECK_FALSE(own.has(IpAddress::v4(192, 0, 2, 2), 11'100));
}

}  // namespace dnscache
