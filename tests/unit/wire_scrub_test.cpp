#include <catch2/catch.hpp>

#include "resolver/wire/scrub.hpp"
#include "tests/support/message.hpp"

namespace dnscache {
namespace {

using test::Bytes;
using Texts = std::vector<std::string>;

Bytes name_of(const std::string& text) {
  test::Writer writer;
  writer.name(text);
  return writer.bytes;
}

// Where the data is of no interest: that of a record for which nothing is known of its form.
const Bytes some_data{0, 1, 2};

Bytes data_of(std::uint16_t type, const std::string& text) {
  switch (type) {
    case rr_type::a:
      return {198, 51, 100, 7};
    case rr_type::aaaa:
      return Bytes(16, 7);
    case rr_type::rrsig: {  // of the type that the text names
      const std::uint16_t covered = type_from_text(text);
      return {static_cast<std::uint8_t>(covered >> 8), static_cast<std::uint8_t>(covered), 8, 2};
    }
    case rr_type::soa: {
      test::Writer writer;
      writer.name(text);
      writer.name(text);
      for (unsigned i = 0; i < 5; ++i) writer.u32(30);
      return writer.bytes;
    }
    case rr_type::cname:
    case rr_type::dname:
    case rr_type::ns:
      return name_of(text);
    default:
      return some_data;
  }
}

/// A response of an upstream to a question, put together record by record.
class Upstream {
 public:
  Upstream(const std::string& name, std::uint16_t type) : name_(name), type_(type) {
    sent_.resize(512);
    const Question question{*Name::parse(name), type};
    const Bytes as_sent = name_of(name);
    sent_.resize(write_query(question, {77, as_sent, true, {}}, sent_.data()));
    for (const unsigned value : {77u, 0x8180u, 1u, 0u, 0u, 0u}) {
      out_.u16(static_cast<std::uint16_t>(value));
    }
    out_.name(name);
    out_.u16(type);
    out_.u16(1);
  }

  Upstream& rcode(std::uint8_t code) {
    out_.bytes[3] |= code;
    return *this;
  }
  Upstream& answer(const std::string& owner, std::uint16_t type, const std::string& text = "") {
    return add(0, owner, type, data_of(type, text));
  }
  Upstream& authority(const std::string& owner, std::uint16_t type, const std::string& text = "x") {
    return add(1, owner, type, data_of(type, text));
  }
  Upstream& additional(const std::string& owner, std::uint16_t type) {
    return add(2, owner, type, data_of(type, ""));
  }
  Upstream& add(unsigned section, const std::string& owner, std::uint16_t type, const Bytes& data,
                std::uint16_t record_class = 1, std::uint32_t ttl = 300) {
    const std::size_t count = 6 + 2 * std::size_t{section};
    out_.u16_at(count, static_cast<std::uint16_t>(load16(&out_.bytes[count]) + 1));
    if (owner == name_) {
      out_.u16(0xc00c);
    } else {
      out_.name(owner);
    }
    out_.u16(type);
    out_.u16(record_class);
    out_.u32(ttl);
    out_.u16(static_cast<std::uint16_t>(data.size()));
    out_.append(data);
    return *this;
  }

  Answer read() const {
    Response response;
    REQUIRE(read_response(out_.bytes, sent_, 60, response) == ResponseFault::none);
    return response.answer;
  }

  // What a client gets, "owner TYPE" in order, the sections divided by "|".
  Texts seen_by_client() const {
    const Answer answer = read();
    test::Query asked;
    asked.name = name_;
    asked.type = type_;
    const Bytes packet = test::encode(asked);
    Query query;
    REQUIRE(read_query(packet, query) == QueryFault::none);
    Bytes reply(max_message_size);
    reply.resize(write_reply(query, answer.view(), {}, reply.size(), reply.data()));
    const auto message = test::decode(reply);
    REQUIRE(message);
    Texts texts;
    for (const auto* section : {&message->answers, &message->authority, &message->additional}) {
      for (const test::Record& record : *section) {
        texts.push_back(record.name + ' ' + type_text(record.type));
      }
      texts.push_back("|");
    }
    return texts;
  }

 private:
  std::string name_;
  std::uint16_t type_;
  Bytes sent_;
  test::Writer out_;
};

}  // namespace

TEST_CASE("what nobody asked for does not get in with an answer") {
  const auto answer = Upstream("www.example", rr_type::a)
                          .answer("www.bank.example", rr_type::a)
                          .answer("www.example", rr_type::a)
                          .answer("www.example", rr_type::txt)
                          .answer("www.example", rr_type::rrsig, "TXT")
                          .answer("www.example", rr_type::rrsig, "A")
                          .answer("bank.example", rr_type::cname, "www.example")
                          .authority("example", rr_type::ns)
                          .authority("bank.test", rr_type::ns)
                          .authority("www.bank.example", rr_type::a)
                          .additional("ns.example", rr_type::a);
  CHECK(answer.seen_by_client() ==
        Texts{"www.example A", "www.example RRSIG", "|", "example NS", "|", "ns.example A", "|"});
}

TEST_CASE("an answer of nothing but what was asked for stays as it was, byte for byte") {
  const Upstream upstream = Upstream("www.example", rr_type::a)
                                .answer("www.example", rr_type::cname, "b.example")
                                .answer("www.example", rr_type::rrsig, "CNAME")
                                .answer("b.example", rr_type::a)
                                .answer("b.example", rr_type::a)
                                .answer("b.example", rr_type::rrsig, "A")
                                .authority("example", rr_type::ns)
                                .authority("example", rr_type::rrsig, "NS")
                                .authority("c.example", rr_type::nsec)
                                .authority("c.example", rr_type::rrsig, "NSEC")
                                .authority("0abc.example", rr_type::nsec3);
  const Answer answer = upstream.read();
  CHECK(answer.answer_count == 5);
  CHECK(answer.authority_count == 5);
  CHECK(answer.has_data);
  const std::size_t uncompressed = name_of("b.example").size();
  CHECK(answer.records.size() > 9 * uncompressed);  // not written anew, which would compress it
}

TEST_CASE("a chain of aliases is followed in whatever order and letter case it comes") {
  const auto answer = Upstream("www.example", rr_type::aaaa)
                          .answer("c.example", rr_type::aaaa)
                          .answer("www.example", rr_type::cname, "B.Example")
                          .answer("x.example", rr_type::aaaa)
                          .answer("b.example", rr_type::cname, "c.example")
                          .answer("www.example", rr_type::rrsig, "CNAME")
                          .answer("c.example", rr_type::a);
  CHECK(answer.seen_by_client() == Texts{"c.example AAAA", "www.example CNAME", "b.example CNAME",
                                         "www.example RRSIG", "|", "|", "|"});
  CHECK(answer.read().has_data);
}

TEST_CASE("data of a name that no alias leads to is no data") {
  const Answer answer = Upstream("www.example", rr_type::a)
                            .answer("www.example", rr_type::cname, "b.example")
                            .answer("c.example", rr_type::a)
                            .authority("example", rr_type::soa)
                            .read();
  CHECK_FALSE(answer.has_data);
  CHECK(answer.is_negative());
  CHECK(answer.answer_count == 1);
  CHECK(answer.authority_count == 1);
  CHECK(answer.ttl == 30);  // as its SOA says
}

TEST_CASE("a lifetime is not shortened by records that were taken out") {
  const Answer answer = Upstream("www.example", rr_type::a)
                            .answer("www.example", rr_type::a)
                            .add(0, "other.example", rr_type::a, {198, 51, 100, 1}, 1, 5)
                            .read();
  CHECK(answer.ttl == 300);
}

TEST_CASE("aliases that lead in a circle end") {
  const auto answer = Upstream("a.example", rr_type::a)
                          .answer("a.example", rr_type::cname, "b.example")
                          .answer("b.example", rr_type::cname, "a.example")
                          .answer("c.example", rr_type::a);
  CHECK(answer.seen_by_client() == Texts{"a.example CNAME", "b.example CNAME", "|", "|", "|"});
}

TEST_CASE("a DNAME above an alias stays, another one goes") {
  const auto answer = Upstream("www.old.example", rr_type::a)
                          .answer("old.example", rr_type::dname, "new.example")
                          .answer("old.example", rr_type::rrsig, "DNAME")
                          .answer("old.test", rr_type::dname, "new.example")
                          .answer("www.old.example", rr_type::cname, "www.new.example")
                          .answer("www.new.example", rr_type::a);
  CHECK(answer.seen_by_client() == Texts{"old.example DNAME", "old.example RRSIG",
                                         "www.old.example CNAME", "www.new.example A", "|", "|",
                                         "|"});
}

TEST_CASE("ANY is every type of the name, and of no other") {
  const auto answer = Upstream("www.example", rr_type::any)
                          .answer("www.example", rr_type::a)
                          .answer("www.example", rr_type::txt)
                          .answer("www.example", rr_type::rrsig, "TXT")
                          .answer("www.example", rr_type::nsec)
                          .answer("ns.example", rr_type::a);
  CHECK(answer.seen_by_client() == Texts{"www.example A", "www.example TXT", "www.example RRSIG",
                                         "www.example NSEC", "|", "|", "|"});
}

TEST_CASE("types that may be beside an alias are found there") {
  const std::uint16_t type = GENERATE(rr_type::rrsig, rr_type::nsec, rr_type::cname);
  const auto answer = Upstream("www.example", type)
                          .answer("www.example", type, type == rr_type::cname ? "b.example" : "A")
                          .answer("b.example", rr_type::a);
  CHECK(answer.seen_by_client() == Texts{"www.example " + type_text(type), "|", "|", "|"});
}

TEST_CASE("signatures of records that are not there go, short ones too") {
  const auto answer = Upstream("www.example", rr_type::a)
                          .add(0, "www.example", rr_type::rrsig, {0})
                          .answer("www.example", rr_type::rrsig, "A")
                          .answer("www.example", rr_type::rrsig, "DNAME");
  CHECK(answer.seen_by_client() == Texts{"|", "|", "|"});
}

TEST_CASE("another class is not an answer") {
  const auto answer = Upstream("www.example", rr_type::a)
                          .add(0, "www.example", rr_type::a, {198, 51, 100, 1}, 3)
                          .answer("www.example", rr_type::a);
  CHECK(answer.seen_by_client() == Texts{"www.example A", "|", "|", "|"});
}

TEST_CASE("a denial keeps the SOA of its own zone and its proofs") {
  const auto answer = Upstream("no.www.example", rr_type::a)
                          .rcode(3)
                          .authority("bank.test", rr_type::soa)
                          .authority("example", rr_type::soa)
                          .authority("example", rr_type::rrsig, "SOA")
                          .authority("abc.example", rr_type::nsec3)
                          .authority("abc.example", rr_type::rrsig, "NSEC3")
                          .authority("abc.bank.test", rr_type::nsec3)
                          .authority("a.example", rr_type::txt)
                          .authority("www.example", rr_type::ds);
  CHECK(answer.seen_by_client() == Texts{"|", "example SOA", "example RRSIG", "abc.example NSEC3",
                                         "abc.example RRSIG", "www.example DS", "|", "|"});
}

// Without a bound on what is followed and how often a record is looked at, these take minutes.
TEST_CASE("64 kB of aliases are judged in bounded work") {
  const bool is_backwards = GENERATE(false, true);
  Upstream upstream("0.a", rr_type::a);
  constexpr unsigned count = 2600;
  for (unsigned i = 0; i < count; ++i) {
    const unsigned link = is_backwards ? count - 1 - i : i;
    upstream.answer(std::to_string(link) + ".a", rr_type::cname, std::to_string(link + 1) + ".a");
  }
  const Answer answer = upstream.read();
  CHECK(answer.answer_count == 33);
  CHECK_FALSE(answer.has_data);
}

TEST_CASE("64 kB of names of many labels are judged in bounded work") {
  Upstream upstream("www.example", rr_type::a);
  std::string deep;
  for (unsigned i = 0; i < 120; ++i) deep += "a.";
  for (unsigned i = 0; i < 33; ++i) {
    const std::string owner = i == 0 ? "www.example" : std::to_string(i) + '.' + deep + "b";
    upstream.answer(owner, rr_type::cname, std::to_string(i + 1) + '.' + deep + "b");
  }
  for (unsigned i = 0; i < 180; ++i) {
    upstream.answer(std::to_string(i) + '.' + deep + "c", rr_type::dname, "d");
  }
  CHECK(upstream.read().answer_count == 33);
}

}  // namespace dnscache
