#include <catch2/catch.hpp>

#include "resolver/cache/entry.hpp"
#include "resolver/wire/build.hpp"
#include "tests/support/random.hpp"

namespace dnscache {

TEST_CASE("an answer survives the way into the cache's memory and back") {
  test::Random random(5);
  for (unsigned i = 0; i < 500; ++i) {
    Answer answer(static_cast<Rcode>(random() % 4096),
                  random() % 2 == 0 ? ExtendedError::none : ExtendedError::stale_answer);
    answer.authentic = random() % 2 == 0;
    for (unsigned records = random() % 20; records > 0; --records) {
      std::vector<std::uint8_t> data(random() % 300, static_cast<std::uint8_t>(random()));
      add_answer(answer, static_cast<std::uint16_t>(random()), random(), data);
    }
    if (random() % 3 == 0) add_local_soa(answer, *Name::parse("example"), 5);
    answer.ttl = random();
    Question question{*Name::parse(std::string(random() % 60 + 1, 'a')),
                      static_cast<std::uint16_t>(random()), random() % 2 == 0, random() % 2 == 0};

    const std::size_t size = entry_size(question, answer);
    REQUIRE(size % Entry::alignment == 0);
    std::vector<std::uint64_t> memory(size / 8 + 1, 0x5a5a5a5a5a5a5a5a);
    const Entry* entry = write_entry(memory.data(), question, answer, 77);
    REQUIRE(memory.back() == 0x5a5a5a5a5a5a5a5a);
    CHECK(entry->is_for(question.name.bytes(), question.type, key_bits(question)));
    const Answer back = read_entry(*entry);
    CHECK(back.rcode == answer.rcode);
    CHECK(back.authentic == answer.authentic);
    CHECK(back.has_data == answer.has_data);
    CHECK(back.answer_count == answer.answer_count);
    CHECK(back.authority_count == answer.authority_count);
    CHECK(back.extended_error == answer.extended_error);
    CHECK(back.records == answer.records);
    CHECK(back.ttl_offsets == answer.ttl_offsets);
    CHECK(back.ttl == answer.ttl);
  }
}

TEST_CASE("an entry is fresh for as many seconds as its lifetime") {
  Question question{*Name::parse("a"), rr_type::a};
  Answer answer;
  answer.ttl = 10;
  std::array<std::uint64_t, 16> memory;
  const Entry* entry = write_entry(memory.data(), question, answer, 100);
  CHECK(entry->is_fresh(109));
  CHECK_FALSE(entry->is_fresh(110));
  CHECK(entry->is_fresh(99));
  CHECK(entry->age(99) == 0);
}

}  // namespace dnscache
