#include <algorithm>
#include <catch2/catch.hpp>

#include "resolver/admission/own_addresses.hpp"

namespace dnscache {

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
