#include <catch2/catch.hpp>

#include "cli/host/resolv_conf.hpp"

using namespace dnscache;
using cli::resolv_conf_with_cache;
using cli::unified_diff;

namespace {

const auto cache = *IpAddress::parse("127.0.0.1");
const auto fallback = *IpAddress::parse("10.0.0.2");
const std::string heading =
    "# Written by 'dnscachectl setup': lookups go through the cache at 127.0.0.1.\n"
    "# 'dnscachectl remove' restores what was here.\n";

}  // namespace

TEST_CASE("the cache comes first, everything else stays") {
  CHECK(resolv_conf_with_cache("# mine\nsearch a.example b.example\nnameserver 10.0.0.1\n"
                               "nameserver 10.0.0.2\noptions ndots:2 trust-ad\n",
                               cache, fallback) ==
        heading +
            "# mine\nsearch a.example b.example\nnameserver 127.0.0.1\nnameserver 10.0.0.1\n"
            "nameserver 10.0.0.2\noptions ndots:2 trust-ad\n");
}

TEST_CASE("rotate would bypass the cache, so only it is left out") {
  CHECK(resolv_conf_with_cache("options rotate timeout:1\nnameserver 10.0.0.1\n", cache, {}) ==
        heading + "options timeout:1\nnameserver 127.0.0.1\nnameserver 10.0.0.1\n");
  CHECK(resolv_conf_with_cache("options rotate\nnameserver 10.0.0.1\n", cache, {}) ==
        heading + "nameserver 127.0.0.1\nnameserver 10.0.0.1\n");
}

TEST_CASE("a file that names the cache first stays as it is") {
  const std::string own = "nameserver 127.0.0.1\nnameserver 10.0.0.2\n";
  CHECK(resolv_conf_with_cache(own, cache, fallback) == own);
  const auto once = resolv_conf_with_cache("nameserver 10.0.0.9\n", cache, fallback);
  CHECK(resolv_conf_with_cache(once, cache, fallback) == once);
}

TEST_CASE("an empty file and one without a final newline") {
  CHECK(resolv_conf_with_cache("", cache, {}) == heading + "nameserver 127.0.0.1\n");
  CHECK(resolv_conf_with_cache("search x.example", cache, {}) ==
        heading + "search x.example\nnameserver 127.0.0.1\n");
}

TEST_CASE("a fallback that is the cache itself is not named twice") {
  CHECK(resolv_conf_with_cache("", cache, cache) == heading + "nameserver 127.0.0.1\n");
}

TEST_CASE("the cache's line is taken out of a file that somebody else has written") {
  using cli::without_cache_line;
  CHECK(without_cache_line("search a.example\nnameserver 127.0.0.1\nnameserver 10.0.0.1\n",
                           cache) == "search a.example\nnameserver 10.0.0.1\n");
  CHECK(without_cache_line(resolv_conf_with_cache("# mine\nnameserver 10.0.0.1\n", cache, {}),
                           cache) == "# mine\nnameserver 10.0.0.1\n");
  CHECK_FALSE(without_cache_line("nameserver 127.0.0.1\n", cache));
}

TEST_CASE("a unified diff") {
  CHECK(unified_diff("f", "a\nb\nc\n", "a\nB\nc\n") ==
        "--- f\n+++ f\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
  CHECK(unified_diff("f", "", "a\n") == "--- f\n+++ f\n@@ -0,0 +1 @@\n+a\n");
  CHECK(unified_diff("f", "a\n", "a\n").empty());
}
