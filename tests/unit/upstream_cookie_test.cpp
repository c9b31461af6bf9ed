#include <catch2/catch.hpp>
#include <vector>

#include "resolver/upstream/cookie.hpp"

using dnscache::ByteView;
using dnscache::Cookie;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes bytes_of(const Cookie& cookie) { return {cookie.bytes().begin(), cookie.bytes().end()}; }

/// Our part, and so many bytes of the server's.
Bytes returned(const Cookie& cookie, std::size_t server_bytes, std::uint8_t value = 7) {
  Bytes out = bytes_of(cookie);
  out.resize(8);
  out.insert(out.end(), server_bytes, value);
  return out;
}

}  // namespace

TEST_CASE("a cookie starts with our eight bytes and takes on the server's") {
  Cookie cookie(0x0123456789abcdef);
  CHECK(cookie.bytes().size() == 8);
  CHECK(bytes_of(cookie) != bytes_of(Cookie(1)));
  for (const std::size_t size : {8u, 16u, 32u}) {
    const Bytes option = returned(cookie, size, static_cast<std::uint8_t>(size));
    CHECK(cookie.accept(option));
    CHECK(bytes_of(cookie) == option);
  }
}

TEST_CASE("a server cookie of a wrong size is not remembered") {  // RFC 7873 section 5.2
  Cookie cookie(42);
  const std::size_t size = GENERATE(0u, 1u, 7u, 33u);
  CHECK(cookie.accept(returned(cookie, size)));
  CHECK(cookie.bytes().size() == 8);
  CHECK(cookie.accept({}));
}

TEST_CASE("a cookie is required only once it was returned") {
  Cookie cookie(42);
  const Bytes foreign(16, 0xee);
  CHECK(cookie.accept({}));
  CHECK(cookie.accept(foreign));
  CHECK(cookie.accept(returned(cookie, 8)));
  CHECK_FALSE(cookie.accept({}));
  CHECK_FALSE(cookie.accept(foreign));
  CHECK(cookie.accept(returned(cookie, 8)));
}

TEST_CASE("a cookie stays required, however often it is missing") {
  Cookie cookie(42);
  REQUIRE(cookie.accept(returned(cookie, 8)));
  for (int i = 0; i < 100; ++i) CHECK_FALSE(cookie.accept({}));
}

TEST_CASE("a cookie that was withdrawn is not required, and our part is still sent") {
  Cookie cookie(42);
  REQUIRE(cookie.accept(returned(cookie, 8)));
  cookie.withdraw();
  CHECK(cookie.bytes().size() == 8);
  CHECK(cookie.accept({}));
}
