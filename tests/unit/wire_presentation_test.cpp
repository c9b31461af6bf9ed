// Records in presentation form (RFC 1035 section 5.1, RFC 3597 section 5).
#include <catch2/catch.hpp>

#include "resolver/wire/build.hpp"
#include "resolver/wire/presentation.hpp"

namespace dnscache {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::vector<RecordText> texts_of(const Answer& answer) {
  std::vector<RecordText> texts;
  const Question question{*Name::parse("www.example.com"), rr_type::a};
  for_each_record(question, answer.view(), [&](const RecordText& text) { texts.push_back(text); });
  return texts;
}

// The data of one record as text; the names in it may point to www.example.com, at 12.
std::string data_text(std::uint16_t type, const Bytes& data) {
  Answer answer;
  add_answer(answer, type, 60, data);
  const auto texts = texts_of(answer);
  REQUIRE(texts.size() == 1);
  CHECK(texts[0].type == type);
  CHECK(texts[0].ttl == 60);
  return texts[0].data;
}

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

const Bytes pointer = {0xc0, 12};                   // www.example.com
const Bytes example = {1, 'x', 0xc0, 16};           // x.example.com
const Bytes one_to_five = {0, 0, 0, 1, 0, 0, 0, 2,  // as a SOA's numbers
                           0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5};

}  // namespace

TEST_CASE("the data of known record types reads as in a zone file") {
  CHECK(data_text(rr_type::a, {192, 0, 2, 255}) == "192.0.2.255");
  CHECK(data_text(rr_type::aaaa, Bytes{0x20, 1, 0xd, 0xb8} + Bytes(11) + Bytes{1}) ==
        "2001:db8::1");
  for (const auto type : {rr_type::cname, rr_type::ns, rr_type::ptr, rr_type::dname}) {
    CHECK(data_text(type, pointer) == "www.example.com.");
    CHECK(data_text(type, {0}) == ".");
  }
  CHECK(data_text(rr_type::mx, Bytes{0, 10} + example) == "10 x.example.com.");
  CHECK(data_text(rr_type::mx, {0, 0, 0}) == "0 .");  // RFC 7505
  CHECK(data_text(rr_type::srv, Bytes{0, 1, 0, 2, 1, 187} + example) == "1 2 443 x.example.com.");
  CHECK(data_text(rr_type::soa, pointer + example + one_to_five) ==
        "www.example.com. x.example.com. 1 2 3 4 5");
  CHECK(data_text(rr_type::txt, {2, 'h', 'i', 0, 1, '!'}) == R"("hi" "" "!")");
}

TEST_CASE("bytes in texts and names that could be misread are escaped") {
  CHECK(data_text(rr_type::txt, {6, '"', '\\', 0, 27, 0xff, ' '}) == R"("\"\\\000\027\255 ")");
  CHECK(data_text(rr_type::cname, {4, 'a', '.', ' ', 7, 0}) == R"(a\.\032\007.)");
}

TEST_CASE("unknown types and data that does not fit its type are told in hexadecimal") {
  CHECK(data_text(65280, {0xab, 0x01}) == R"(\# 2 ab01)");
  CHECK(data_text(65280, {}) == R"(\# 0)");
  CHECK(data_text(rr_type::txt, {}) == R"(\# 0)");
  CHECK(data_text(rr_type::txt, {5, 'a'}) == R"(\# 2 0561)");
  CHECK(data_text(rr_type::a, {192, 0, 2}) == R"(\# 3 c00002)");
  CHECK(data_text(rr_type::aaaa, {192, 0, 2, 1}) == R"(\# 4 c0000201)");
  CHECK(data_text(rr_type::mx, {0}) == R"(\# 1 00)");
  CHECK(data_text(rr_type::mx, {0, 10}) == R"(\# 2 000a)");
  CHECK(data_text(rr_type::mx, Bytes{0, 10} + pointer + Bytes{0}) == R"(\# 5 000ac00c00)");
  CHECK(data_text(rr_type::cname, {0xc0, 0xff}) == R"(\# 2 c0ff)");
  CHECK(data_text(rr_type::soa, pointer + pointer + Bytes{1}) == R"(\# 5 c00cc00c01)");
}

TEST_CASE("types have names, and TYPE with a number where they have none") {
  for (const unsigned type : {1u, 2u, 5u, 6u, 12u, 15u, 16u, 28u, 33u, 43u, 65u, 65280u, 65535u}) {
    const auto number = static_cast<std::uint16_t>(type);
    CHECK(type_from_text(type_text(number)) == number);
  }
  CHECK(type_text(rr_type::aaaa) == "AAAA");
  CHECK(type_text(65280) == "TYPE65280");
  CHECK(type_from_text("aaaa") == rr_type::aaaa);
  CHECK(type_from_text("type65280") == 65280);
  for (const char* text : {"", "B", "TYPE", "TYPE65536", "TYPE-1", "TYPE1x", "1"}) {
    INFO(text);
    CHECK(type_from_text(text) == 0);
  }
}

TEST_CASE("every record of an answer is told with its section") {
  Answer answer;
  add_answer(answer, rr_type::a, 60, Bytes{192, 0, 2, 1});
  add_answer(answer, rr_type::a, 61, Bytes{192, 0, 2, 2});
  add_local_soa(answer, *Name::parse("example.com"), 30);
  const auto texts = texts_of(answer);
  REQUIRE(texts.size() == 3);
  CHECK(texts[0].section == std::string("answer"));
  CHECK(texts[1].data == "192.0.2.2");
  CHECK(texts[1].name == "www.example.com");
  CHECK(texts[2].section == std::string("authority"));
  CHECK(texts[2].type == rr_type::soa);
}

TEST_CASE("bytes in hexadecimal have two digits each") {
  CHECK(hex_text(Bytes{0, 0x1f, 0xff}) == "001fff");
}

}  // namespace dnscache
