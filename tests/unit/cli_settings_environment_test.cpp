#include <catch2/catch.hpp>

#include "cli/commands/run.hpp"
#include "cli/settings/environment.hpp"
#include "resolver/config/schema.hpp"

using namespace dnscache;
using namespace dnscache::cli;

TEST_CASE("the environment sets what a configuration file could") {
  Config config;
  REQUIRE(
      apply_environment({{"DNSCACHE_UPSTREAMS", "192.0.2.1, tls://192.0.2.2#dns.example"},
                         {"DNSCACHE_ROUTES", "corp.example=10.1.0.2,10.1.0.3; a.example=10.2.0.2"},
                         {"DNSCACHE_LISTEN", "127.0.0.1:5353"},
                         {"DNSCACHE_CACHE_SIZE", "8MiB"},
                         {"DNSCACHE_CACHE_SERVE_STALE_ENABLED", "false"},
                         {"DNSCACHE_METRICS_LISTEN", "127.0.0.1"},
                         {"DNSCACHE_ACL", "10.0.0.0/8"},
                         {"DNSCACHE_LOCAL_RECORDS", "a.example A 10.0.0.5;b.example TXT \"x, y\""},
                         {"DNSCACHE_CONTROL", "none"},
                         {"DNSCACHE_POLICY", ""},
                         {"DNSCACHE_SERVICE_HOST", "10.96.1.1"}},
                        config));
  REQUIRE(config.upstreams.size() == 2);
  CHECK(config.upstreams[1].tls_name == "dns.example");
  REQUIRE(config.routes.size() == 2);
  CHECK(config.routes[0].zone == *Name::parse("corp.example"));
  CHECK(config.routes[0].upstreams.size() == 2);
  CHECK(config.listen == std::vector{*Endpoint::parse("127.0.0.1:5353", 0)});
  CHECK(config.cache.size == 8u << 20);
  CHECK_FALSE(config.cache.serve_stale.enabled);
  CHECK(config.metrics.listen.has_value());
  CHECK(config.acl.size() == 1);
  CHECK(config.local.records.size() == 2);
  CHECK(config.control.empty());
  CHECK(config.policy == SelectionPolicy::automatic);
}

TEST_CASE("a mistake in the environment is told with the variable's name") {
  for (const auto& [name, value] : Environment{{"DNSCACHE_CACHE_SIZE", "big"},
                                               {"DNSCACHE_UPSTREAMS", "no-address"},
                                               {"DNSCACHE_ROUTES", "corp.example"},
                                               {"DNSCACHE_POLICY", "fastets"}}) {
    Config config;
    const auto applied = apply_environment({{name, value}}, config);
    CAPTURE(name);
    REQUIRE_FALSE(applied);
    CHECK(applied.error().message.starts_with(name + ": "));
    CHECK(applied.error().code == ExitCode::check_failed);
  }
}

TEST_CASE("no two settings share a variable") {
  std::map<std::string, std::string> seen;
  for (const auto& setting : settings()) {
    CHECK(variable_of(setting.key) != "DNSCACHE_CONFIG");
    CHECK(seen.emplace(variable_of(setting.key), setting.key).second);
  }
}

TEST_CASE("resolv.conf gets the cache first and is found again") {
  const auto cache = IpAddress::v4(127, 0, 0, 1);
  const std::string original = "nameserver 10.0.0.2\noptions ndots:5\n";
  const auto with = with_cache_first(original, cache);
  CHECK(with.ends_with("\nnameserver 127.0.0.1\n" + original));
  CHECK(without_cache_first(with) == original);
  CHECK(without_cache_first(original) == original);
  CHECK(with_cache_first("options rotate ndots:2\n", cache).find("rotate") == std::string::npos);
  CHECK(with_cache_first("options rotate ndots:2\n", cache).find("ndots:2") != std::string::npos);
}
