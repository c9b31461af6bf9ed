#include <catch2/catch.hpp>
#include <map>

#include "resolver/local/name_table.hpp"
#include "tests/support/random.hpp"

namespace dnscache {
namespace {

Name name(const std::string& text) { return *Name::parse(text); }

template <class Value>
std::optional<Value> find(const NameTable<Value>& table, const Name& key) {
  const Suffixes suffixes(key.bytes());
  return table.find(suffixes, suffixes.labels());
}

}  // namespace

TEST_CASE("a name's suffixes are counted from the root") {
  const Name www = name("www.example.com");
  const Suffixes suffixes(www.bytes());
  REQUIRE(suffixes.labels() == 3);
  CHECK(std::ranges::equal(suffixes.name(0), Name().bytes()));
  CHECK(std::ranges::equal(suffixes.name(2), name("example.com").bytes()));
  CHECK(std::ranges::equal(suffixes.name(3), www.bytes()));
  const Name example = name("example.com");
  const Suffixes shorter(example.bytes());
  CHECK(shorter.hash(2) == suffixes.hash(2));
  CHECK(shorter.hash(1) != suffixes.hash(2));
  const Name root;
  CHECK(Suffixes(root.bytes()).labels() == 0);
}

TEST_CASE("a name of 127 labels is no problem") {
  std::string text = "a";
  for (int i = 1; i < 127; ++i) text += ".a";
  const Name longest = name(text);
  CHECK(Suffixes(longest.bytes()).labels() == 127);
  NameTable<int> table;
  table.put(longest.bytes(), 7);
  CHECK(find(table, longest) == 7);
}

TEST_CASE("every name that was put is found with its value, and no other") {
  NameTable<int> table;
  std::map<std::string, int> expected;
  for (int i = 0; i < 20000; ++i) {
    const std::string text =
        "n" + std::to_string(i * 7919 % 15000) + ".zone" + std::to_string(i % 7) + ".example";
    table.put(name(text).bytes(), i);
    expected[text] = i;
    if (i == 10000) table.shrink();
  }
  table.shrink();
  CHECK(table.size() == expected.size());
  for (const auto& [text, value] : expected) {
    if (find(table, name(text)) != value) FAIL(text);
  }
  for (int i = 0; i < 20000; ++i) {
    if (find(table, name("x" + std::to_string(i) + ".zone1.example"))) FAIL(i);
  }
}

TEST_CASE("labels of every length make different names") {
  NameTable<std::size_t> table;
  for (std::size_t size = 1; size <= 63; ++size) {
    table.put(name(std::string(size, 'a') + ".example").bytes(), size);
  }
  for (std::size_t size = 1; size <= 63; ++size) {
    CHECK(find(table, name(std::string(size, 'a') + ".example")) == size);
    CHECK_FALSE(find(table, name(std::string(size - 1, 'a') + "b.example")));
  }
}

TEST_CASE("get_or_add keeps the value that is there") {
  NameTable<int> table;
  CHECK(table.get_or_add(name("a.example").bytes(), 1) == 1);
  CHECK(table.get_or_add(name("a.example").bytes(), 2) == 1);
  CHECK(table.size() == 1);
}

TEST_CASE("the longest suffix that counts is found") {
  NameTable<int> table;
  table.put(name("example").bytes(), 1);
  table.put(name("deep.www.example").bytes(), 3);
  const auto any = [](int, unsigned) { return true; };
  const auto longest = [&](const char* text, const auto& accept) {
    const Name key = name(text);
    const auto match = table.longest(Suffixes(key.bytes()), accept);
    return match ? std::pair(match->value, match->labels) : std::pair(0, 0u);
  };
  CHECK(longest("example", any) == std::pair(1, 1u));
  CHECK(longest("www.example", any) == std::pair(1, 1u));
  CHECK(longest("x.deep.www.example", any) == std::pair(3, 3u));
  CHECK(longest("xdeep.www.example", any) == std::pair(1, 1u));
  CHECK(longest("notexample", any) == std::pair(0, 0u));
  const auto not_three = [](int value, unsigned) { return value != 3; };
  CHECK(longest("x.deep.www.example", not_three) == std::pair(1, 1u));
  table.put(Name().bytes(), 9);
  CHECK(longest("other", any) == std::pair(9, 0u));
}

TEST_CASE("a million names take at most 40 bytes each") {
  // The mean length of the names in the block lists that people use is about 20 characters.
  NameTable<std::uint8_t> table;
  for (int i = 0; i < 1'000'000; ++i) {
    table.put(name("tracker" + std::to_string(i) + ".adserver.com").bytes(), 1);
  }
  table.shrink();
  CHECK(table.size() == 1'000'000);
  CHECK(table.bytes() <= 40 * table.size());
}

}  // namespace dnscache
