#include <catch2/catch.hpp>

#include "resolver/wire/build.hpp"
#include "resolver/wire/strip.hpp"
#include "tests/support/message.hpp"

namespace dnscache {
namespace {

Question question_for(const char* name, std::uint16_t type) {
  Question question;
  question.name = *Name::parse(name);
  question.type = type;
  return question;
}

// The records as a client reads them, "name type text".
std::vector<std::string> read(const Question& question, const Answer& answer) {
  test::Query asked;
  asked.name = question.name.to_text();
  asked.type = question.type;
  const test::Bytes packet = test::encode(asked);
  Query query;
  REQUIRE(read_query(packet, query) == QueryFault::none);
  std::vector<std::uint8_t> out(max_message_size);
  out.resize(write_reply(query, answer.view(), {}, out.size(), out.data()));
  const auto reply = test::decode(out);
  REQUIRE(reply);
  std::vector<std::string> texts;
  for (const auto* section : {&reply->answers, &reply->authority, &reply->additional}) {
    for (const test::Record& record : *section) {
      texts.push_back(record.name + ' ' + std::to_string(record.type) + ' ' + record.text);
    }
  }
  return texts;
}

const std::vector<std::uint8_t> proof{1, 2, 3};

}  // namespace

TEST_CASE("records that only prove others are taken out") {
  const Question question = question_for("www.example.com", rr_type::a);
  const Name target = *Name::parse("host.example.com");
  Answer answer;
  add_answer(answer, rr_type::cname, 300, target.bytes());
  add_answer(answer, rr_type::rrsig, 300, proof);
  add_answer_of(answer, target.bytes(), rr_type::a, 200, std::vector<std::uint8_t>{192, 0, 2, 1});
  add_answer_of(answer, target.bytes(), rr_type::rrsig, 200, proof);
  const auto ttl = answer.ttl;
  strip_dnssec(question, answer);
  CHECK(answer.answer_count == 2);
  CHECK(answer.ttl_offsets.size() == 2);
  CHECK(answer.ttl == ttl);
  CHECK(read(question, answer) == std::vector<std::string>{"www.example.com 5 host.example.com",
                                                           "host.example.com 1 192.0.2.1"});
  answer.set_ttls(7);  // where the offsets lead is still a TTL
  CHECK(read(question, answer).size() == 2);
}

TEST_CASE("what the question asks for stays") {
  const Question question = question_for("example.com", rr_type::rrsig);
  Answer answer;
  add_answer(answer, rr_type::rrsig, 300, proof);
  strip_dnssec(question, answer);
  CHECK(answer.answer_count == 1);
}

TEST_CASE("an answer without proofs is not touched") {
  const Question question = question_for("example.com", rr_type::a);
  Answer answer;
  add_answer(answer, rr_type::a, 300, std::vector<std::uint8_t>{192, 0, 2, 1});
  const auto records = answer.records;
  strip_dnssec(question, answer);
  CHECK(answer.records == records);
}

TEST_CASE("names of records that stay do not point into those that go") {
  // "nsec.example.com" is first written out in the record that goes.
  const Question question = question_for("www.example.com", rr_type::mx);
  Answer answer;
  const Name owner = *Name::parse("mail.example.net");
  add_answer_of(answer, owner.bytes(), rr_type::nsec, 300, proof);
  const auto place = static_cast<std::uint8_t>(header_size + question.name.size() + 4);
  const std::vector<std::uint8_t> data{0, 10, 0xc0, place};
  add_answer(answer, rr_type::mx, 300, data);
  strip_dnssec(question, answer);
  CHECK(read(question, answer) == std::vector<std::string>{"www.example.com 15 mail.example.net"});
}

}  // namespace dnscache
