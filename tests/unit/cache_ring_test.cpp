#include <catch2/catch.hpp>
#include <deque>
#include <vector>

#include "resolver/cache/ring.hpp"
#include "tests/support/random.hpp"

namespace dnscache {
namespace {

// Puts an entry that says `number` into the ring; false when there is no room.
bool put(Ring& ring, std::size_t size, std::uint32_t number) {
  std::uint8_t* memory = ring.place(size);
  if (memory == nullptr) return false;
  auto* entry = new (memory) Entry{};
  entry->size = static_cast<std::uint32_t>(size);
  entry->ttl = number;
  return true;
}

}  // namespace

TEST_CASE("a ring is filled to the last byte and emptied in order") {
  std::vector<std::uint64_t> memory(40);
  Ring ring(reinterpret_cast<std::uint8_t*>(memory.data()), 320);
  for (std::uint32_t i = 0; i < 10; ++i) REQUIRE(put(ring, 32, i));
  CHECK_FALSE(put(ring, 32, 10));
  CHECK(ring.used() == 320);
  for (std::uint32_t i = 0; i < 10; ++i) {
    CHECK(ring.oldest()->ttl == i);
    ring.drop_oldest();
    REQUIRE(put(ring, 32, i + 10));
  }
  CHECK(ring.oldest()->ttl == 10);
}

TEST_CASE("no entry is split by the end: what is left there is filled") {
  std::vector<std::uint64_t> memory(40);
  Ring ring(reinterpret_cast<std::uint8_t*>(memory.data()), 320);
  REQUIRE(put(ring, 152, 1));
  REQUIRE(put(ring, 160, 2));  // leaves 8 bytes, less than an Entry's header
  ring.drop_oldest();
  REQUIRE(put(ring, 64, 3));
  ring.drop_oldest();
  CHECK(ring.oldest()->dead);
  CHECK(ring.oldest()->size == 8);
  ring.drop_oldest();
  CHECK(ring.oldest()->ttl == 3);
  ring.drop_oldest();
  CHECK(ring.empty());
}

TEST_CASE("an entry that goes always makes room for itself at the other end") {
  std::vector<std::uint64_t> memory(125);
  Ring ring(reinterpret_cast<std::uint8_t*>(memory.data()), 1000);
  test::Random random(3);
  const auto next_size = [&] { return 32 + random() % 12 * 8; };
  while (put(ring, next_size(), 0)) {
  }
  for (unsigned i = 0; i < 10000; ++i) {
    const Entry oldest = *ring.oldest();
    ring.drop_oldest();
    if (oldest.dead) continue;
    REQUIRE(put(ring, oldest.size, i));
  }
}

TEST_CASE("a ring agrees with a queue, whatever sizes come and go") {
  constexpr std::size_t capacity = 2000;
  std::vector<std::uint64_t> memory(capacity / 8 + 1, 0x5a5a5a5a5a5a5a5a);
  Ring ring(reinterpret_cast<std::uint8_t*>(memory.data()), capacity);
  std::deque<std::pair<std::uint32_t, std::size_t>> model;
  test::Random random(11);
  for (std::uint32_t i = 0; i < 100000; ++i) {
    const std::size_t size = 32 + random() % 30 * 8;
    if (random() % 2 == 0 && put(ring, size, i)) {
      model.emplace_back(i, size);
    } else if (!ring.empty()) {
      if (!ring.oldest()->dead) {
        REQUIRE(ring.oldest()->ttl == model.front().first);
        REQUIRE(ring.oldest()->size == model.front().second);
        model.pop_front();
      }
      ring.drop_oldest();
    }
    REQUIRE(ring.used() <= capacity);
  }
  for (; !model.empty(); ring.drop_oldest()) {
    if (ring.oldest()->dead) continue;
    CHECK(ring.oldest()->ttl == model.front().first);
    model.pop_front();
  }
  CHECK(memory.back() == 0x5a5a5a5a5a5a5a5a);  // nothing was written behind the end
}

}  // namespace dnscache
