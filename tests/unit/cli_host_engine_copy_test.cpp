#include <catch2/catch.hpp>

#include "cli/host/engine_copy.hpp"

using namespace dnscache;
using namespace dnscache::cli;

TEST_CASE("a copy of the engine asks relays, but for the zones of routes their own servers") {
  Config config;
  const UpstreamConfig inside{{IpAddress::v4(10, 1, 0, 2), 853}, Protocol::tls, "dns.example"};
  config.upstreams = {inside};
  config.routes = {{*Name::parse("corp.example"), {inside}}};
  config.cache.persist = "/var/cache/dnscachectl/cache";
  const Endpoint relay{IpAddress::v4(127, 0, 0, 1), 4711};
  const auto copy = copy_of(config, {relay}, 1024);
  CHECK(copy.upstreams == std::vector<UpstreamConfig>{{relay, Protocol::udp, ""}});
  CHECK(copy.routes == config.routes);
  CHECK(copy.quota.packets_per_second == 1024);
  CHECK(copy.cache.persist.empty());
}
