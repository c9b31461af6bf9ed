#include <algorithm>
#include <catch2/catch.hpp>

#include "resolver/dnssec/negative_anchors.hpp"

namespace dnscache {

TEST_CASE("private names, routes and zones that are named are not validated") {
  Config config;
  config.routes.push_back({*Name::parse("corp.example"), {}});
  config.dnssec.negative_trust_anchors.push_back(*Name::parse("broken.example"));
  config.local.zones.push_back({*Name::parse("lab.example"), {}});
  config.local.zones.push_back({Name{}, {}});
  const auto zones = negative_anchors(config);
  const auto covers = [&](const char* name) {
    return std::ranges::any_of(
        zones, [&](const Name& zone) { return Name::parse(name)->is_within(zone); });
  };
  for (const char* name :
       {"db.corp.example", "www.broken.example", "x.lab.example", "ip-10-0-0-1.ec2.internal",
        "nas.home.arpa", "printer.local", "1.0.0.10.in-addr.arpa", "1.0.16.172.in-addr.arpa",
        "1.0.0.127.in-addr.arpa", "1.0.64.100.in-addr.arpa", "1.0.127.100.in-addr.arpa",
        "1.d.f.ip6.arpa"}) {
    INFO(name);
    CHECK(covers(name));
  }
  for (const char* name : {"example", "www.example", "internal.example", "8.8.8.8.in-addr.arpa",
                           "1.0.128.100.in-addr.arpa", "1.0.32.172.in-addr.arpa"}) {
    INFO(name);
    CHECK_FALSE(covers(name));
  }
}

}  // namespace dnscache
