#include <catch2/catch.hpp>

#include "resolver/upstream/answer_rules.hpp"

namespace dnscache {
namespace {

bool is_target(const char* address, bool allow_localhost = false) {
  return is_rebind_target(*IpAddress::parse(address), allow_localhost);
}

}  // namespace

TEST_CASE("private addresses are no answer of the Internet, in whatever form") {
  const char* address =
      GENERATE("10.1.1.1", "172.31.0.1", "192.168.0.1", "169.254.169.254", "127.0.0.1", "0.0.0.0",
               "::1", "::", "fe80::1", "fd00::1", "::ffff:10.1.1.1", "::10.1.1.1",
               "64:ff9b::a01:101", "2002:a01:101::1", "64:ff9b:1::a01:101", "::ffff:127.0.0.1");
  CAPTURE(address);
  CHECK(is_target(address));
}

TEST_CASE("public addresses are, in whatever form") {
  const char* address =
      GENERATE("9.9.9.9", "100.64.1.1", "172.32.0.1", "100.128.0.1", "2620:fe::fe",
               "::ffff:9.9.9.9", "64:ff9b::909:909", "2002:909:909::1");
  CAPTURE(address);
  CHECK_FALSE(is_target(address));
}

TEST_CASE("this host's addresses may be allowed") {
  CHECK_FALSE(is_target("127.0.0.1", true));
  CHECK_FALSE(is_target("::1", true));
  CHECK_FALSE(is_target("::ffff:127.0.0.1", true));
  CHECK(is_target("10.0.0.1", true));
}

}  // namespace dnscache
