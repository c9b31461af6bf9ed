#include <catch2/catch.hpp>

#include "cli/commands/run.hpp"

using namespace dnscache;
using namespace dnscache::cli;

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
