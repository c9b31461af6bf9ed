#include <catch2/catch.hpp>

#include "resolver/wire/answer.hpp"
#include "resolver/wire/query.hpp"
#include "tests/support/message.hpp"

namespace dnscache {
namespace {

using test::Bytes;

const Bytes plain = test::encode({"www.Example.com", test::type_a, 0x1234});

QueryFault fault_of(const Bytes& packet) {
  Query query;
  return read_query(packet, query);
}

Bytes with_edns(test::Edns edns) {
  test::Query query{"www.example.com", test::type_a, 1};
  query.edns = edns;
  return test::encode(query);
}

}  // namespace

TEST_CASE("a query is read with the client's letter case kept beside the lower-case key") {
  Query query;
  REQUIRE(read_query(plain, query) == QueryFault::none);
  CHECK(query.id == 0x1234);
  CHECK(query.question.name.to_text() == "www.example.com");
  CHECK(query.question.type == rr_type::a);
  CHECK(query.question_class == class_in);
  CHECK(query.question_section[5] == 'E');
  CHECK(query.question_section.size() == 21);
  CHECK_FALSE(query.has_edns);
  CHECK(query.udp_size == 512);
}

TEST_CASE("EDNS gives DO and the client's buffer size, never less than 512 bytes") {
  Query query;
  const Bytes big = with_edns({4096, 0, true, {}});
  REQUIRE(read_query(big, query) == QueryFault::none);
  CHECK(query.has_edns);
  CHECK(query.udp_size == 4096);
  CHECK(query.question.dnssec_ok);
  const Bytes small = with_edns({100, 0, false, {}});
  REQUIRE(read_query(small, query) == QueryFault::none);
  CHECK(query.udp_size == 512);
  CHECK_FALSE(query.question.dnssec_ok);
  CHECK(fault_of(with_edns({1232, 1, false, {}})) == QueryFault::bad_version);
}

TEST_CASE("a Query that is used again keeps nothing of the one before") {
  Query query;
  const Bytes first = with_edns({4096, 0, true, {}});
  REQUIRE(read_query(first, query) == QueryFault::none);
  REQUIRE(read_query(plain, query) == QueryFault::none);
  CHECK_FALSE(query.has_edns);
  CHECK_FALSE(query.question.dnssec_ok);
  CHECK(query.udp_size == 512);
}

TEST_CASE("each fault of a packet is told apart") {
  const auto changed = [](std::size_t at, std::uint8_t value) {
    Bytes packet = plain;
    packet.at(at) = value;
    return fault_of(packet);
  };
  CHECK(fault_of({}) == QueryFault::ignore);
  CHECK(fault_of(Bytes(11)) == QueryFault::ignore);
  CHECK(changed(2, 0x81) == QueryFault::ignore);           // a response
  CHECK(changed(2, 0x21) == QueryFault::not_implemented);  // NOTIFY
  CHECK(changed(5, 0) == QueryFault::format_error);        // no question
  CHECK(changed(5, 2) == QueryFault::format_error);        // two of them
  CHECK(changed(11, 1) == QueryFault::format_error);       // a record that is not there
  CHECK(changed(12, 0xc0) == QueryFault::format_error);    // a pointer in the question
  CHECK(changed(12, 64) == QueryFault::format_error);
  for (std::size_t size = header_size; size < plain.size(); ++size) {
    CHECK(fault_of({plain.begin(), plain.begin() + static_cast<long>(size)}) ==
          QueryFault::format_error);
  }
}

TEST_CASE("OPT counts only once, in the additional section and at the root") {
  const Bytes opt{0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0};
  const auto packet = [&](std::uint8_t answers, std::uint8_t additionals, unsigned records,
                          Bytes record) {
    Bytes bytes = plain;
    bytes[7] = answers;
    bytes[11] = additionals;
    for (unsigned i = 0; i < records; ++i) bytes.insert(bytes.end(), record.begin(), record.end());
    return fault_of(bytes);
  };
  CHECK(packet(0, 1, 1, opt) == QueryFault::none);
  CHECK(packet(0, 2, 2, opt) == QueryFault::format_error);
  CHECK(packet(1, 0, 1, opt) == QueryFault::format_error);
  Bytes named{1, 'x'};
  named.insert(named.end(), opt.begin(), opt.end());
  CHECK(packet(0, 1, 1, named) == QueryFault::format_error);
  Bytes too_long = opt;
  too_long[10] = 1;
  CHECK(packet(0, 1, 1, too_long) == QueryFault::format_error);
}

TEST_CASE("the longest name of 255 bytes is read, one of 256 is not") {
  const auto packet = [](std::size_t last) {
    Bytes bytes(header_size);
    bytes[5] = 1;
    for (const std::size_t size : {std::size_t{63}, std::size_t{63}, std::size_t{63}, last}) {
      bytes.push_back(static_cast<std::uint8_t>(size));
      bytes.insert(bytes.end(), size, 'a');
    }
    bytes.insert(bytes.end(), {0, 0, 1, 0, 1});
    return bytes;
  };
  Query query;
  const Bytes longest = packet(61);
  REQUIRE(read_query(longest, query) == QueryFault::none);
  CHECK(query.question.name.size() == 255);
  CHECK(fault_of(packet(62)) == QueryFault::format_error);
}

TEST_CASE("a padded query is a multiple of 128 bytes, whatever else is in it") {
  const Bytes cookie(24, 0xc0);
  for (std::size_t label = 1; label <= 63; ++label) {
    const Name name = *Name::parse(std::string(label, 'a') + "." + std::string(50, 'b'));
    for (const ByteView with : {ByteView{}, ByteView(cookie)}) {
      Bytes out(512);
      QueryOptions options{77, {}, true, with, true};
      out.resize(write_query({name, rr_type::a}, options, out.data()));
      CHECK(out.size() % 128 == 0);
      CHECK(out.size() <= header_size + name.size() + 4 + 11 + 28 + 4 + 127);
      const auto message = test::decode(out).value();
      REQUIRE(message.edns);
      const Bytes& data = message.edns->options;
      const std::size_t padding = with.empty() ? 0 : 28;  // where its option begins
      REQUIRE(data.size() >= padding + 4);
      CHECK(load16(&data[padding]) == 12);
      CHECK(load16(&data[padding + 2]) == data.size() - padding - 4);
    }
  }
}

TEST_CASE("what we ask an upstream is what it reads") {
  const Name name = *Name::parse("www.example.com");
  for (const bool edns : {false, true}) {
    Bytes out(512);
    out.resize(write_query({name, rr_type::aaaa, true, true}, {77, {}, edns, {}}, out.data()));
    const auto message = test::decode(out).value();
    CHECK(message.id == 77);
    CHECK(message.has(test::flag_rd));
    CHECK(message.has(test::flag_cd));
    CHECK(message.questions.at(0).name == "www.example.com");
    CHECK(message.questions.at(0).type == test::type_aaaa);
    CHECK(message.edns.has_value() == edns);
    if (edns) CHECK(message.edns->dnssec_ok);
    if (edns) CHECK(message.edns->payload_size == 1232);
  }
}

TEST_CASE("a stored question is the same as before, in far less memory") {
  Question question{*Name::parse("www.example.com"), rr_type::aaaa, true, false};
  const StoredQuestion stored(question);
  CHECK(stored.get() == question);
  CHECK(stored == question);
  CHECK(sizeof stored <= 16);
  question.checking_disabled = true;
  CHECK_FALSE(stored == question);
  const StoredQuestion root(Question{});
  CHECK(root.get() == Question{});
}

}  // namespace dnscache
