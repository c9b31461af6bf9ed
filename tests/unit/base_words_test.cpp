#include <catch2/catch.hpp>

#include "resolver/base/words.hpp"

namespace dnscache {
namespace {

enum class Colour { red, green, none };

constexpr auto colour_words = words_of<Colour>({{Colour::red, "red"}, {Colour::green, "green"}});

}  // namespace

TEST_CASE("an enum's words are read and printed by the same table") {
  static_assert(colour_words.print(Colour::green) == "green");
  static_assert(colour_words.parse("red") == Colour::red);
  CHECK_FALSE(colour_words.parse("Red"));
  CHECK(colour_words.print(Colour::none) == "?");
  CHECK(colour_words.all() == std::vector<std::string>{"red", "green"});
}

}  // namespace dnscache
