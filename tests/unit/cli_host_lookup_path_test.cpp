#include <catch2/catch.hpp>

#include "cli/host/lookup_path.hpp"

using namespace dnscache;
using namespace dnscache::cli;

namespace {

const std::vector<Endpoint> own_addresses = {*Endpoint::parse("127.0.0.1:53", 53),
                                             *Endpoint::parse("[::1]:53", 53)};

}  // namespace

TEST_CASE("where lookups go") {
  CHECK(lookup_path("nameserver 127.0.0.1\n", own_addresses).in_words() ==
        "go to 127.0.0.1 (this cache)");
  CHECK(lookup_path("nameserver ::1\nnameserver 10.0.0.2\n", own_addresses).in_words() ==
        "go to ::1 (this cache), and to 10.0.0.2 only if it fails");
  CHECK(lookup_path("nameserver 10.0.0.2\nnameserver 127.0.0.1\n", own_addresses).in_words() ==
        "BYPASS this cache: /etc/resolv.conf names 10.0.0.2 and 127.0.0.1");
  CHECK(lookup_path("nameserver 127.0.0.1\nnameserver 10.0.0.2\noptions rotate\n", own_addresses)
            .in_words()
            .starts_with("PARTLY BYPASS this cache"));
  CHECK(lookup_path("nameserver 127.0.0.1\n", {*Endpoint::parse("127.0.0.1:5353", 53)})
            .in_words()
            .starts_with("BYPASS"));
}

TEST_CASE("a wildcard address is reached on loopback") {
  CHECK(reachable(*Endpoint::parse("0.0.0.0:53", 53)).to_text() == "127.0.0.1:53");
  CHECK(reachable(*Endpoint::parse("[::]:53", 53)).to_text() == "[::1]:53");
  CHECK(reachable(own_addresses[0]) == own_addresses[0]);
}
