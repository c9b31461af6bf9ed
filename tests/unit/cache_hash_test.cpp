#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "resolver/cache/hash.hpp"

namespace dnscache {
namespace {

std::uint64_t hash_of(const HashKey& key, std::string_view name, std::uint16_t type = 1,
                      std::uint8_t bits = 0) {
  return hash_question(key, Name::parse(name)->bytes(), type, bits);
}

}  // namespace

TEST_CASE("the hash depends on the key, the name, the type and the bits") {
  const HashKey key{1, 2};
  const std::uint64_t hash = hash_of(key, "www.example.com");
  CHECK(hash == hash_of(key, "WWW.example.com"));
  CHECK(hash != hash_of({1, 3}, "www.example.com"));
  CHECK(hash != hash_of({2, 2}, "www.example.com"));
  CHECK(hash != hash_of(key, "www.example.co"));
  CHECK(hash != hash_of(key, "www.example.com", 2));
  CHECK(hash != hash_of(key, "www.example.com", 0x101));
  CHECK(hash != hash_of(key, "www.example.com", 1, 1));
}

TEST_CASE("similar names are spread over the hash's upper and lower half") {
  std::set<std::uint32_t> low, high;
  constexpr unsigned count = 20000;
  for (unsigned i = 0; i < count; ++i) {
    const std::uint64_t hash = hash_of({7, 8}, std::to_string(i) + ".example");
    low.insert(static_cast<std::uint32_t>(hash));
    high.insert(static_cast<std::uint32_t>(hash >> 32));
  }
  CHECK(low.size() >= count - 2);
  CHECK(high.size() >= count - 2);
}

TEST_CASE("each process has a key of its own") { CHECK(random_hash_key() != random_hash_key()); }

}  // namespace dnscache
