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

TEST_CASE("the SOA of a negative answer keeps its numbers, its lifetime and its section") {
  const Question question = question_for("no.example.com", rr_type::a);
  const Name zone = *Name::parse("example.com");
  Answer proofs;
  add_answer_of(proofs, zone.bytes(), rr_type::nsec, 60, proof);
  add_answer_of(proofs, zone.bytes(), rr_type::rrsig, 60, proof);
  Answer answer(Rcode::nx_domain);
  add_local_soa(answer, zone, 300);
  const auto shift = static_cast<std::uint16_t>(proofs.records.size());
  answer.records.insert(answer.records.begin(), proofs.records.begin(), proofs.records.end());
  for (std::uint16_t& ttl : answer.ttl_offsets) ttl = static_cast<std::uint16_t>(ttl + shift);
  answer.ttl_offsets.insert(answer.ttl_offsets.begin(), proofs.ttl_offsets.begin(),
                            proofs.ttl_offsets.end());
  answer.authority_count = 3;

  Answer plain(Rcode::nx_domain);
  add_local_soa(plain, zone, 300);
  const auto lifetime = answer.ttl;
  strip_dnssec(question, answer);
  CHECK(answer.answer_count == 0);
  CHECK(answer.authority_count == 1);
  REQUIRE(answer.ttl_offsets.size() == 1);
  CHECK(load32(&answer.records[answer.ttl_offsets[0]]) == 300);
  CHECK(answer.ttl == lifetime);
  const std::vector<std::uint8_t> numbers(answer.records.end() - 20, answer.records.end());
  CHECK(numbers == std::vector<std::uint8_t>(plain.records.end() - 20, plain.records.end()));
  CHECK(read(question, answer).size() == 1);
}

TEST_CASE("only names whose types are of RFC 1035 are compressed in data") {
  const Question question = question_for("example.com", rr_type::any);
  const std::vector<std::uint8_t> pointer{0xc0, header_size};
  const std::vector<std::uint8_t> whole{7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0};
  struct Case {
    std::uint16_t type;
    std::size_t bytes_before;
    unsigned names;
    bool is_compressed;
  };
  const auto the = GENERATE(Case{rr_type::ns, 0, 1, true}, Case{rr_type::mx, 2, 1, true},
                            Case{rr_type::mb, 0, 1, true}, Case{rr_type::minfo, 0, 2, true},
                            Case{rr_type::srv, 6, 1, false}, Case{rr_type::dname, 0, 1, false},
                            Case{rr_type::rp, 0, 2, false}, Case{rr_type::afsdb, 2, 1, false},
                            Case{rr_type::px, 2, 2, false});
  INFO("type " << the.type);
  const auto data_with = [&](const std::vector<std::uint8_t>& name) {
    std::vector<std::uint8_t> data(the.bytes_before, 7);
    for (unsigned i = 0; i < the.names; ++i) data.insert(data.end(), name.begin(), name.end());
    return data;
  };
  Question other = question;  // so that the proof goes
  other.type = the.type;
  Answer answer;
  add_answer(answer, rr_type::rrsig, 300, proof);
  add_answer(answer, the.type, 300, data_with(pointer));
  strip_dnssec(other, answer);
  REQUIRE(answer.answer_count == 1);
  const auto expected = data_with(the.is_compressed ? pointer : whole);
  REQUIRE(answer.records.size() == 12 + expected.size());
  CHECK(load16(&answer.records[10]) == expected.size());
  CHECK(std::equal(expected.begin(), expected.end(), answer.records.begin() + 12));
}

TEST_CASE("the letter case of names is kept") {
  const Question question = question_for("1.example.com", rr_type::ptr);
  const std::vector<std::uint8_t> owner{4, 'H', 'o', 'S', 't', 3, 'C', 'O', 'M', 0};
  Answer answer;
  add_answer(answer, rr_type::rrsig, 300, proof);
  add_answer(answer, rr_type::ptr, 300, owner);
  add_answer_of(answer, owner, rr_type::ptr, 300, owner);
  strip_dnssec(question, answer);
  CHECK(read(question, answer) ==
        std::vector<std::string>{"1.example.com 12 HoSt.COM", "HoSt.COM 12 HoSt.COM"});
}

// 61 kB of the names that are dearest to compress; without a bound this takes a minute.
TEST_CASE("many names of many labels are stripped in bounded work") {
  const Question question = question_for("1.example.com", rr_type::ptr);
  constexpr unsigned count = 229;
  Answer answer;
  add_answer(answer, rr_type::rrsig, 300, proof);
  std::vector<std::uint8_t> name;
  for (unsigned i = 0; i < 127; ++i) name.insert(name.end(), {1, 'a'});
  name.push_back(0);
  for (unsigned i = 0; i < count; ++i) {
    name[name.size() - 2] = static_cast<std::uint8_t>(i);  // no two have an end in common
    add_answer(answer, rr_type::ptr, 300, name);
  }
  const auto whole = answer.records;
  strip_dnssec(question, answer);
  CHECK(answer.answer_count == count);
  CHECK(answer.ttl_offsets.size() == count);
  CHECK(answer.records.size() < whole.size());
  CHECK(read(question, answer).size() == count);
}

}  // namespace dnscache
