#include <catch2/catch.hpp>

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

TEST_CASE("zones and trust anchors are given by the environment as well") {
  Config config;
  REQUIRE(
      apply_environment({{"DNSCACHE_LOCAL_ZONES", "int.example=10.0.0.1,10.0.0.2; gone.example="},
                         {"DNSCACHE_DNSSEC_TRUST_ANCHORS",
                          "/etc/keys/root.key; . DS 20326 8 2 "
                          "E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"}},
                        config));
  REQUIRE(config.local.zones.size() == 2);
  CHECK(config.local.zones[0].addresses.size() == 2);
  CHECK(config.local.zones[1].addresses.empty());
  CHECK(config.dnssec.trust_anchors.size() == 2);
}

TEST_CASE("settings of the environment are checked against one another and the file's") {
  const auto message = [](const Environment& environment, Config config = {}) {
    const auto applied = apply_environment(environment, config);
    return applied ? std::string() : applied.error().message;
  };
  CHECK(message({{"DNSCACHE_HEDGE_AFTER", "9s"}}) ==
        "DNSCACHE_HEDGE_AFTER: hedge.after (9s) is longer than timeout (4500ms, the default); "
        "allowed: "
        "at most the same");
  Config config;
  config.timeout = std::chrono::seconds(1);
  CHECK(message({{"DNSCACHE_HEDGE_AFTER", "2s"}}, config)
            .starts_with("DNSCACHE_HEDGE_AFTER: hedge.after (2s) is longer than timeout (1s);"));
  CHECK(message({{"DNSCACHE_UPSTREAMS", "127.0.0.1"}}).starts_with("DNSCACHE_UPSTREAMS: "));
  CHECK(message({{"DNSCACHE_ROUTES", "a.example=10.0.0.1;a.example=10.0.0.2"}}) ==
        "DNSCACHE_ROUTES: duplicate route for a.example");
}

TEST_CASE("no two settings share a variable") {
  std::map<std::string, std::string> seen;
  for (const auto& setting : settings()) {
    CHECK(variable_of(setting.key) != "DNSCACHE_CONFIG");
    CHECK(seen.emplace(variable_of(setting.key), setting.key).second);
  }
}
