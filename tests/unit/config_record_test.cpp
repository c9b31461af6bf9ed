#include <catch2/catch.hpp>

#include "resolver/config/record.hpp"
#include "resolver/wire/protocol.hpp"

namespace dnscache {
namespace {

std::string why_not(const char* text) {
  const auto record = parse_record(text);
  return record ? "it parses" : record.error().message;
}

}  // namespace

TEST_CASE("records in the form of RFC 1035") {
  const auto a = parse_record("Host.Example. 300 IN A 192.0.2.1");
  REQUIRE(a);
  CHECK(a->name == *Name::parse("host.example"));
  CHECK(a->type == rr_type::a);
  CHECK(a->ttl == 300s);
  CHECK(a->data == std::vector<std::uint8_t>{192, 0, 2, 1});
  CHECK(a->text == "Host.Example. 300 IN A 192.0.2.1");

  CHECK(parse_record("h.example 5m AAAA 2001:db8::1")->ttl == 5min);
  CHECK_FALSE(parse_record("h.example cname x.example")->ttl);
  CHECK(parse_record("example MX 10 m.example")->data ==
        std::vector<std::uint8_t>{0, 10, 1, 'm', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0});
  CHECK(parse_record("_s._tcp.e SRV 1 2 258 .")->data ==
        std::vector<std::uint8_t>{0, 1, 0, 2, 1, 2, 0});
  CHECK(parse_record("t.e TXT \"a b\" c \"q\\\"q\"")->data ==
        std::vector<std::uint8_t>{3, 'a', ' ', 'b', 1, 'c', 3, 'q', '"', 'q'});
  CHECK(parse_record("t.e TXT \"\"")->data == std::vector<std::uint8_t>{0});
}

TEST_CASE("what is not a record says why") {
  CHECK(why_not("host.example") == "is not a record such as \"name A 192.0.2.1\"");
  CHECK(why_not("bad..name A 192.0.2.1") == "does not begin with a domain name");
  CHECK(why_not("h.e A 2001:db8::1") == "needs exactly one IPv4 address after A");
  CHECK(why_not("h.e AAAA 192.0.2.1") == "needs exactly one IPv6 address after AAAA");
  CHECK(why_not("h.e A 192.0.2.1 192.0.2.2") == "needs exactly one IPv4 address after A");
  CHECK(why_not("h.e MX m.e") == "needs a preference and a name after its type");
  CHECK(why_not("h.e MX 70000 m.e") == "needs a preference and a name after its type");
  CHECK(why_not("h.e SRV 1 2 m.e") ==
        "needs a priority, a weight, a port and a name after its type");
  CHECK(why_not("h.e NAPTR x") ==
        "has an unknown type; known: A, AAAA, CNAME, PTR, TXT, SRV and MX");
  CHECK(why_not("h.e TXT \"open") == "has a quote that is not closed");
  CHECK(why_not("h.e 12x A 192.0.2.1") == "has a TTL that is not in seconds, such as 300 or 5m");
  CHECK(why_not("h.e 99999999999 A 192.0.2.1") == "has a TTL that is too large");
  CHECK(why_not("h.e TXT \x01") == "contains a control character");
}

TEST_CASE("addresses have reverse names") {
  CHECK(reverse_name(*IpAddress::parse("192.0.2.1")).to_text() == "1.2.0.192.in-addr.arpa");
  CHECK(reverse_name(*IpAddress::parse("2001:db8::1")).to_text() ==
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

}  // namespace dnscache
