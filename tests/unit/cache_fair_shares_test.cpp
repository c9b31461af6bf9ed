#include <catch2/catch.hpp>
#include <deque>

#include "resolver/cache/fair_shares.hpp"

namespace dnscache {
namespace {

ByteView bytes_of(const Name& name) { return name.bytes(); }

Name numbered(unsigned number, const std::string& zone) {
  return *Name::parse("n" + std::to_string(number) + "." + zone);
}

constexpr HashKey key{1, 2};  // its hashes tell the zones here apart
constexpr ClientId honest = 3;
constexpr ClientId greedy = 5;

}  // namespace

TEST_CASE("whoever has most gives way first, the oldest of it") {
  FairShares shares(key);
  std::deque<Sharer> all(12);
  shares.add(all[0], this_machine, bytes_of(numbered(0, "good.example")));
  shares.add(all[1], this_machine, bytes_of(numbered(1, "good.example")));
  for (unsigned i = 2; i < 12; ++i) {
    shares.add(all[i], this_machine, bytes_of(numbered(i, "slow.example.net")));
  }
  for (unsigned i = 2; i < 10; ++i) {
    REQUIRE(shares.first_to_give_way() == &all[i]);
    shares.remove(all[i]);
  }
  CHECK(shares.size() == 4);
}

TEST_CASE("a client with names in a thousand zones pays for them itself") {
  FairShares shares(key);
  std::vector<Sharer> all(1100);
  for (unsigned i = 0; i < 100; ++i) {
    shares.add(all[i], honest, bytes_of(numbered(i, "good.example")));
  }
  for (unsigned i = 100; i < 1100; ++i) {
    shares.add(all[i], greedy, bytes_of(numbered(1, "zone" + std::to_string(i) + ".test")));
  }
  for (unsigned i = 0; i < 800; ++i) {
    Sharer* first = shares.first_to_give_way();
    REQUIRE(first >= &all[100]);
    shares.remove(*first);
    shares.remove(*first);  // once is enough
  }
  CHECK(shares.size() == 300);
}

TEST_CASE("without anybody nobody gives way, and any name has a zone") {
  FairShares shares(key);
  CHECK(shares.first_to_give_way() == nullptr);
  std::deque<Sharer> all(3);
  shares.add(all[0], this_machine, bytes_of(Name()));
  shares.add(all[1], this_machine, bytes_of(*Name::parse("example")));
  shares.add(all[2], this_machine, bytes_of(*Name::parse("a.b.c.d.e.example")));
  for (Sharer& sharer : all) shares.remove(sharer);
  CHECK(shares.first_to_give_way() == nullptr);
}

TEST_CASE("this machine is one client, and so is the /64 of an IPv6 address") {
  CHECK(client_id(*IpAddress::parse("127.0.0.1")) == this_machine);
  CHECK(client_id(*IpAddress::parse("::1")) == this_machine);
  CHECK(client_id(*IpAddress::parse("192.0.2.1")) != this_machine);
  CHECK(client_id(*IpAddress::parse("192.0.2.1")) != client_id(*IpAddress::parse("192.0.2.2")));
  CHECK(client_id(*IpAddress::parse("2001:db8::1")) == client_id(*IpAddress::parse("2001:db8::2")));
  CHECK(client_id(*IpAddress::parse("2001:db8::1")) !=
        client_id(*IpAddress::parse("2001:db8:0:1::1")));
}

}  // namespace dnscache
