#include <catch2/catch.hpp>

#include "resolver/dnssec/anchor_algorithms.hpp"

using namespace dnscache;

TEST_CASE("anchors whose algorithms nobody checks are an error") {
  const std::string good = ". 86400 IN DS 20326 8 2 E06D44B8";
  const std::string old_key = ". IN DNSKEY 257 3 1 AwEAAa==";
  const std::string old_digest = "corp.example. DS 1 13 3 E06D44B8";
  CHECK(check_algorithms({}));
  CHECK(check_algorithms({good}));
  CHECK(check_algorithms({old_key, good}));
  CHECK(check_algorithms({"; a comment with DS 1 1 1\n.\t3600 IN DNSKEY (257 3\n 8 AwEAAa==)\n"}));
  const auto key = check_algorithms({old_key});
  REQUIRE_FALSE(key);
  CHECK(key.error().message.find("no anchor of . (algorithm 1)") != std::string::npos);
  const auto digest = check_algorithms({good, old_digest});
  REQUIRE_FALSE(digest);
  CHECK(digest.error().message.find("corp.example (algorithm 13 with digest 3)") !=
        std::string::npos);
}
