#include <catch2/catch.hpp>
#include <vector>

#include "resolver/wire/name.hpp"
#include "resolver/wire/protocol.hpp"

namespace dnscache {
namespace {

using Bytes = std::vector<std::uint8_t>;

// A message: a header's worth of zeros, then `bytes`.
Bytes message_of(std::initializer_list<std::uint8_t> bytes) {
  Bytes message(header_size);
  message.insert(message.end(), bytes);
  return message;
}

std::string long_text(std::size_t labels, std::size_t last) {
  std::string text;
  for (std::size_t i = 0; i < labels; ++i) text += std::string(63, 'a') + ".";
  return text + std::string(last, 'b');
}

}  // namespace

TEST_CASE("names are read from text and written back, escapes included") {
  for (const char* text : {"example.com", ".", "a", R"(a\.b.example)", R"(\000\255.x)",
                           R"(with\032space)", R"(\\.\"\;\(\)\@\$)"}) {
    const auto name = Name::parse(text);
    REQUIRE(name);
    CHECK(name->to_text() == text);
  }
  CHECK(Name::parse("WWW.Example.COM.")->to_text() == "www.example.com");
  CHECK(Name::parse(R"(\065bc)")->to_text() == "abc");
  CHECK(*Name::parse(".") == Name());
}

TEST_CASE("text that is no name is refused") {
  for (const char* text :
       {"", "..", ".a", "a..b", "a.b..", R"(a\)", R"(a\25)", R"(a\256)", R"(a\2x5)"}) {
    INFO(text);
    CHECK_FALSE(Name::parse(text));
  }
}

TEST_CASE("63 bytes in a label and 255 in a name, not one more") {
  CHECK(Name::parse(std::string(63, 'a')));
  CHECK_FALSE(Name::parse(std::string(64, 'a')));
  CHECK(Name::parse(long_text(3, 61))->size() == max_name_size);
  CHECK_FALSE(Name::parse(long_text(3, 62)));
  std::string short_labels;
  for (unsigned i = 0; i < 127; ++i) short_labels += "a.";
  CHECK(Name::parse(short_labels)->label_count() == 127);
  CHECK_FALSE(Name::parse(short_labels + "a"));
}

TEST_CASE("compressed names are followed backwards only") {
  Bytes message = message_of({3, 'F', 'o', 'o', 0, 1, 'b', 0xc0, 12, 0xc0, 17});
  std::size_t offset = 17;
  CHECK(Name::read(message, offset)->to_text() == "b.foo");
  CHECK(offset == 21);
  CHECK(Name::read(message, offset)->to_text() == "b.foo");  // a pointer to a pointer
  CHECK(offset == 23);
  offset = 21;
  CHECK(check_name(message, offset));
  CHECK(offset == 23);
  offset = 21;
  CHECK(skip_name(message, offset));
  CHECK(offset == 23);
}

TEST_CASE("names that loop, point ahead, into the header or out of the message are refused") {
  const std::vector<Bytes> bad{
      message_of({0xc0, 12}),            // to itself
      message_of({0xc0, 14, 0xc0, 12}),  // ahead
      message_of({1, 'a', 0xc0, 12}),    // into what is being read
      message_of({0xc0, 0}),             // the header
      message_of({0xc0, 11}),
      message_of({0xff, 0xff}),
      message_of({0xc0}),
      message_of({3, 'a', 'b'}),
      message_of({3, 'a', 'b', 'c'}),  // no end
      message_of({0x40, 0}),           // label kinds that nobody uses
      message_of({0x80, 0}),
      message_of({}),
  };
  for (const Bytes& message : bad) {
    std::size_t offset = header_size;
    CHECK_FALSE(Name::read(message, offset));
    offset = header_size;
    CHECK_FALSE(check_name(message, offset));
  }
}

TEST_CASE("what a pointer leads to ends before the name that has the pointer") {
  Bytes message = message_of({2, 'x', 0xc0, 12});  // a label of the pointer's first byte …
  message.resize(message.size() + 13);             // … and one of twelve zeros behind it
  std::size_t offset = 14;
  CHECK_FALSE(Name::read(message, offset));
  offset = 14;
  CHECK_FALSE(check_name(message, offset));
}

TEST_CASE("a chain of pointers is followed only so far") {
  Bytes message = message_of({0});
  std::vector<std::size_t> at{12};
  for (unsigned i = 0; i < 200; ++i) {
    const std::size_t target = at.back();
    at.push_back(message.size());
    message.push_back(static_cast<std::uint8_t>(0xc0 | target >> 8));
    message.push_back(static_cast<std::uint8_t>(target));
  }
  std::size_t offset = at[127];
  CHECK(Name::read(message, offset));
  offset = at[128];
  CHECK_FALSE(Name::read(message, offset));
}

TEST_CASE("a name that grows over 255 bytes by its pointer is refused") {
  Bytes message(header_size);
  const auto tail = *Name::parse(long_text(3, 61));
  message.insert(message.end(), tail.bytes().begin(), tail.bytes().end());
  message.insert(message.end(), {0xc0, 12, 1, 'x', 0xc0, 12});
  std::size_t offset = header_size + tail.size();
  CHECK(check_name(message, offset));
  CHECK_FALSE(check_name(message, offset));
  offset = header_size + tail.size() + 2;
  CHECK_FALSE(Name::read(message, offset));
}

TEST_CASE("a name is within its parents, label by label") {
  const auto within = [](const char* name, const char* zone) {
    return Name::parse(name)->is_within(*Name::parse(zone));
  };
  CHECK(within("a.example.com", "example.com"));
  CHECK(within("example.com", "example.com"));
  CHECK(within("example.com", "."));
  CHECK_FALSE(within("notexample.com", "example.com"));
  CHECK_FALSE(within("com", "example.com"));
  CHECK_FALSE(within(R"(x\007example.com)", "example.com"));  // bytes alike, labels not
  CHECK(Name::parse("a.b")->parent() == *Name::parse("b"));
  CHECK(Name().parent() == Name());
}

}  // namespace dnscache
