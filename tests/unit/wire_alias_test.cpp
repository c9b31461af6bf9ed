#include <catch2/catch.hpp>

#include "resolver/wire/alias.hpp"
#include "resolver/wire/build.hpp"
#include "tests/support/message.hpp"

namespace dnscache {
namespace {

using Texts = std::vector<std::string>;

// The records as a client reads them, "name type text ttl".
Texts read(const Question& question, const Answer& answer) {
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
  Texts texts;
  for (const auto* section : {&reply->answers, &reply->authority, &reply->additional}) {
    for (const test::Record& record : *section) {
      texts.push_back(record.name + ' ' + std::to_string(record.type) + ' ' + record.text + ' ' +
                      std::to_string(record.ttl));
    }
  }
  return texts;
}

const Question question{*Name::parse("www.corp.example"), rr_type::mx};
const Name target = *Name::parse("x.cdn.test2");

// "www" is an alias of "inner.corp.example", which is one of the target, with its own idea of that.
Answer alias_answer() {
  const Name inner = *Name::parse("inner.corp.example");
  Answer answer(Rcode::nx_domain);
  add_answer(answer, rr_type::cname, 100, inner.bytes());
  add_answer_of(answer, inner.bytes(), rr_type::cname, 50, target.bytes());
  std::vector<std::uint8_t> signature(18, 0);
  signature[1] = rr_type::cname;
  signature.push_back(0);  // the signer: the root
  add_answer_of(answer, inner.bytes(), rr_type::rrsig, 50, signature);
  add_answer_of(answer, target.bytes(), rr_type::mx, 40, std::vector<std::uint8_t>{0, 1, 0});
  add_local_soa(answer, *Name::parse("test2"), 30);
  answer.ttl = 30;
  answer.authentic = true;
  answer.source = 3;
  return answer;
}

bool is_elsewhere(const Name& name) { return !name.is_within(*Name::parse("corp.example")); }

}  // namespace

TEST_CASE("of an alias that leads out, what is behind it goes") {
  Answer answer = alias_answer();
  CHECK(cut_alias(question, is_elsewhere, answer) == target);
  CHECK(answer.rcode == Rcode::no_error);
  CHECK(answer.answer_count == 3);
  CHECK(answer.authority_count == 0);
  CHECK(answer.ttl == 50);
  CHECK_FALSE(answer.has_data);
  const Texts texts = read(question, answer);
  CHECK(texts.at(0) == "www.corp.example 5 inner.corp.example 100");
  CHECK(texts.at(1) == "inner.corp.example 5 x.cdn.test2 50");
}

TEST_CASE("an answer whose aliases lead nowhere else stays as it is") {
  Answer answer = alias_answer();
  const Texts before = read(question, answer);
  CHECK_FALSE(cut_alias(
      question, [](const Name&) { return false; }, answer));
  CHECK(read(question, answer) == before);
  Question of_alias = question;
  of_alias.type = rr_type::cname;
  CHECK_FALSE(cut_alias(of_alias, is_elsewhere, answer));
  Answer failed(Rcode::server_failure);
  CHECK_FALSE(cut_alias(question, is_elsewhere, failed));
}

TEST_CASE("what the target's servers say is put behind the alias") {
  Answer answer = alias_answer();
  REQUIRE(cut_alias(question, is_elsewhere, answer));
  // Its names point into the target's question, at byte 12.
  Answer found;
  add_answer(found, rr_type::mx, 20,
             std::vector<std::uint8_t>{0, 10, 4, 'm', 'a', 'i', 'l', 0xc0, 12});
  found.ttl = 20;
  found.authentic = GENERATE(true, false);
  REQUIRE(append_target(question, target, found, answer));
  const Texts texts = read(question, answer);
  CHECK(texts.size() == 4);
  CHECK(texts.at(3) == "x.cdn.test2 15 mail.x.cdn.test2 20");
  CHECK(answer.has_data);
  CHECK(answer.ttl == 20);
  CHECK(answer.authentic == found.authentic);
  CHECK(answer.source == 3);
}

TEST_CASE("an answer that would be too long stays without its target's") {
  Answer answer = alias_answer();
  REQUIRE(cut_alias(question, is_elsewhere, answer));
  const Texts before = read(question, answer);
  Answer found;
  add_answer(found, rr_type::txt, 20, std::vector<std::uint8_t>(65'450, 1));
  CHECK_FALSE(append_target(question, target, found, answer));
  CHECK(read(question, answer) == before);
}

}  // namespace dnscache
