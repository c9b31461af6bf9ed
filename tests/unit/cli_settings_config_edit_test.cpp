#include <catch2/catch.hpp>

#include "cli/settings/config_edit.hpp"

using namespace dnscache;
using namespace dnscache::cli;

namespace {

std::string set(std::string_view text, std::string_view key, std::string_view value) {
  const auto edited = with_setting(text, key, value);
  return edited ? *edited : "error: " + edited.error().message;
}

std::string unset(std::string_view text, std::string_view key) {
  const auto edited = without_setting(text, key);
  return edited ? *edited : "error: " + edited.error().message;
}

}  // namespace

TEST_CASE("a setting that is written is replaced in its place") {
  CHECK(set("# mine\nlog_level: info  # quiet\ncache:\n  size: 8MiB\n", "log_level", "debug") ==
        "# mine\nlog_level: debug  # quiet\ncache:\n  size: 8MiB\n");
  CHECK(set("cache:\n  # small\n  size: 8MiB\n  prefetch: true\n", "cache.size", "64MiB") ==
        "cache:\n  # small\n  size: 64MiB\n  prefetch: true\n");
  CHECK(set("upstreams:\n  - 10.0.0.2  # old\n  - 10.0.0.3\n\n# next\nworkers: 1\n", "upstreams",
            "[10.0.0.4]") == "upstreams: [10.0.0.4]\n\n# next\nworkers: 1\n");
  CHECK(set("upstreams:\n- 10.0.0.2\n- 10.0.0.3\nworkers: 1\n", "upstreams", "10.0.0.4") ==
        "upstreams: [\"10.0.0.4\"]\nworkers: 1\n");
}

TEST_CASE("a setting that is not written is added where it belongs") {
  CHECK(set("", "log_level", "debug") == "log_level: debug\n");
  CHECK(set("# only comments\n", "cache.size", "8MiB") ==
        "# only comments\ncache:\n  size: 8MiB\n");
  CHECK(set("cache:\n    size: 8MiB\nworkers: 1\n", "cache.negative.max_ttl", "60s") ==
        "cache:\n    size: 8MiB\n    negative:\n      max_ttl: 60s\nworkers: 1\n");
  CHECK(set("workers: 1", "log_level", "debug") == "workers: 1\nlog_level: debug\n");
}

TEST_CASE("maps in one line stay in one line") {
  CHECK(set("cache: {size: 8MiB, prefetch: true}  # c\n", "cache.size", "64MiB") ==
        "cache: {size: 64MiB, prefetch: true}  # c\n");
  CHECK(set("cache: {size: 8MiB}\n", "cache.negative.max_ttl", "60s") ==
        "cache: {size: 8MiB, negative: {max_ttl: 60s}}\n");
  CHECK(set("cache:\n  negative: {max_ttl: 1m}\n  size: 8MiB\n", "cache.negative.max_ttl", "60s") ==
        "cache:\n  negative: {max_ttl: 60s}\n  size: 8MiB\n");
}

TEST_CASE("lists may be written with commas") {
  CHECK(set("", "upstreams", "10.0.0.2, tls://10.0.0.3#dns.example") ==
        "upstreams: [\"10.0.0.2\", \"tls://10.0.0.3#dns.example\"]\n");
  CHECK(set("", "routes", "[{zone: corp.example, upstreams: [10.1.0.2]}]") ==
        "routes: [{zone: corp.example, upstreams: [10.1.0.2]}]\n");
}

TEST_CASE("a setting is taken out, and its comment above stays") {
  CHECK(unset("# why\nlog_level: debug\nworkers: 1\n", "log_level") == "# why\nworkers: 1\n");
  CHECK(unset("cache: {size: 8MiB, prefetch: true}\n", "cache.size") ==
        "cache: {prefetch: true}\n");
  CHECK(unset("workers: 1\ncache:\n  size: 8MiB\n", "cache.size") == "workers: 1\n");
  CHECK(unset("workers: 1\n", "log_level") == "workers: 1\n");
}

TEST_CASE("what is no setting or no YAML is an error") {
  CHECK(set("", "cache.sise", "1").find("did you mean 'cache.size'?") != std::string::npos);
  CHECK(set("a: [\n", "workers", "1").starts_with("error: "));
  CHECK(set("", "workers", "[1").starts_with("error: "));
}
