#include <catch2/catch.hpp>

#include "resolver/wire/records.hpp"
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

  // What a client gets, "owner TYPE" in order, the sections divided by "|"; with the data, if it
  // asks by a name in its own letter case.
  Texts seen_by_client(const std::string& asked_name = "") const {
    const Answer answer = read();
    test::Query asked;
    asked.name = asked_name.empty() ? name_ : asked_name;
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
        if (!asked_name.empty()) texts.back() += ' ' + record.text;
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
                          .authority("example", rr_type::ns, "ns.example")
                          .authority("bank.test", rr_type::ns, "ns.bank.test")
                          .authority("www.bank.example", rr_type::a)
                          .additional("ns.example", rr_type::a)
                          .additional("ns.example", rr_type::txt)
                          .additional("ns.bank.test", rr_type::a)
                          .additional("bank.test", rr_type::a);
  CHECK(answer.seen_by_client() ==
        Texts{"www.example A", "www.example RRSIG", "|", "example NS", "|", "ns.example A", "|"});
}

TEST_CASE("an answer of nothing but what was asked for stays as it was, byte for byte") {
  const Upstream upstream = Upstream("www.example", rr_type::a)
                                .answer("www.example", rr_type::cname, "b.example")
                                .answer("www.example", rr_type::rrsig, "CNAME")
                                .answer("b.example", rr_type::a)
                                .add(0, "b.example", rr_type::a, {198, 51, 100, 8})
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

TEST_CASE("aliases that lead in a circle are a failure") {
  const auto answer = Upstream("a.example", rr_type::a)
                          .answer("a.example", rr_type::cname, "b.example")
                          .answer("b.example", rr_type::cname, "a.example")
                          .answer("c.example", rr_type::a);
  CHECK(answer.read().rcode == Rcode::server_failure);
  CHECK(answer.seen_by_client() == Texts{"|", "|", "|"});
}

TEST_CASE("32 aliases are followed, 33 are a failure") {
  const unsigned aliases = GENERATE(32u, 33u);
  Upstream upstream("0.a", rr_type::a);
  for (unsigned i = 0; i < aliases; ++i) {
    upstream.answer(std::to_string(i) + ".a", rr_type::cname, std::to_string(i + 1) + ".a");
  }
  upstream.answer(std::to_string(aliases) + ".a", rr_type::a);
  const Answer answer = upstream.read();
  CHECK(answer.has_data == (aliases == 32));
  CHECK(answer.is_failure() == (aliases == 33));
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
  CHECK(upstream.read().rcode == Rcode::server_failure);
}

TEST_CASE("64 kB of addresses are judged in bounded work") {
  Upstream upstream("www.example", rr_type::a);
  for (unsigned i = 0; i < 3800; ++i) {
    const auto high = static_cast<std::uint8_t>(i >> 8), low = static_cast<std::uint8_t>(i);
    upstream.add(0, "www.example", rr_type::a, {10, 0, high, low});
  }
  CHECK(upstream.read().answer_count == 3800);
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
  CHECK(upstream.read().rcode == Rcode::server_failure);
}

TEST_CASE("of equal records one stays, however their names are written") {
  const Bytes mail = name_of("mail.example");
  Bytes with_pointer{0, 10, 4, 'm', 'a', 'i', 'l', 0xc0, 12}, in_full{0, 10}, in_capitals{0, 10};
  in_full.insert(in_full.end(), mail.begin(), mail.end());
  const Bytes capitals = name_of("MAIL.example");
  in_capitals.insert(in_capitals.end(), capitals.begin(), capitals.end());
  const auto mx = Upstream("example", rr_type::mx)
                      .add(0, "example", rr_type::mx, with_pointer)
                      .add(0, "example", rr_type::mx, in_full)
                      .add(0, "example", rr_type::mx, in_capitals)
                      .add(0, "example", rr_type::mx, {0, 20, 0xc0, 12});
  CHECK(mx.read().answer_count == 2);
  const auto a = Upstream("www.example", rr_type::a)
                     .answer("www.example", rr_type::a)
                     .add(0, "www.example", rr_type::a, {198, 51, 100, 8})
                     .answer("www.example", rr_type::a);
  CHECK(a.read().answer_count == 2);
  // Equal data of other types, or of other names, are no duplicates.
  const auto chain = Upstream("a.example", rr_type::aaaa)
                         .answer("a.example", rr_type::cname, "c.example")
                         .answer("c.example", rr_type::aaaa)
                         .add(0, "c.example", rr_type::rrsig, {0, 28, 8, 2})
                         .add(0, "c.example", rr_type::rrsig, {0, 28, 8, 3});
  CHECK(chain.read().answer_count == 4);
}

TEST_CASE("the records of an RRset and its signatures have the lowest of their TTLs") {
  const bool is_plain = GENERATE(true, false);
  Upstream upstream("www.example", rr_type::a);
  if (!is_plain) upstream.answer("www.example", rr_type::cname, "host.example");
  const std::string owner = is_plain ? "www.example" : "host.example";
  upstream.add(0, owner, rr_type::a, {198, 51, 100, 1}, 1, 200)
      .add(0, owner, rr_type::a, {198, 51, 100, 2}, 1, 100)
      .add(0, owner, rr_type::rrsig, {0, 1, 8, 2}, 1, 250);
  const Answer answer = upstream.read();
  const std::size_t first = is_plain ? 0 : 1;
  for (std::size_t i = first; i < first + 3; ++i) {
    CHECK(record_at(answer.view(), i).ttl == 100);
  }
  if (!is_plain) CHECK(record_at(answer.view(), 0).ttl == 300);
  CHECK(answer.ttl == 100);
}

TEST_CASE(
    "the SOA of a negative answer has at most its MINIMUM as TTL, one that was asked for not") {
  const Answer negative =
      Upstream("www.example", rr_type::a).authority("example", rr_type::soa).read();
  CHECK(record_at(negative.view(), 0).ttl == 30);
  CHECK(negative.ttl == 30);
  const Answer asked = Upstream("example", rr_type::soa).answer("example", rr_type::soa).read();
  CHECK(record_at(asked.view(), 0).ttl == 300);
}

TEST_CASE("only hints to where the answer leads are passed on") {
  test::Writer srv;
  srv.append({0, 0, 0, 5, 0, 80});
  srv.name("host.example");
  const auto answer = Upstream("_http._tcp.example", rr_type::srv)
                          .add(0, "_http._tcp.example", rr_type::srv, srv.bytes)
                          .additional("host.example", rr_type::a)
                          .additional("HOST.example", rr_type::aaaa)
                          .additional("host.example", rr_type::txt)
                          .additional("other.example", rr_type::a)
                          .additional("host.example.other", rr_type::a);
  CHECK(answer.seen_by_client() ==
        Texts{"_http._tcp.example SRV", "|", "|", "host.example A", "HOST.example AAAA", "|"});
}

TEST_CASE("names of types that must not be compressed are written out") {
  struct Case {
    std::uint16_t type;
    Bytes before;
  };
  const auto the = GENERATE(Case{rr_type::srv, {0, 0, 0, 5, 0, 80}},
                            Case{rr_type::naptr, {0, 1, 0, 2, 1, 's', 3, 'S', 'I', 'P', 0}},
                            Case{rr_type::kx, {0, 1}}, Case{rr_type::https, {0, 1}});
  INFO("type " << the.type);
  Bytes data = the.before;
  data.insert(data.end(), {4, 'h', 'o', 's', 't', 0xc0, 12});
  Bytes expected = the.before;
  const Bytes target = name_of("host.www.example");
  expected.insert(expected.end(), target.begin(), target.end());
  const Answer answer =
      Upstream("www.example", the.type).add(0, "www.example", the.type, data).read();
  REQUIRE(answer.answer_count == 1);
  const AnswerView view = answer.view();
  const Record record = record_at(view, 0);
  const ByteView written = view.records.subspan(record.data, record.data_size());
  CHECK(Bytes(written.begin(), written.end()) == expected);
}

TEST_CASE("our mix of letter cases is never shown, an upstream's own is") {
  // A server that copies the name that it was asked into each record, and into a DNAME's alias.
  const auto echo = Upstream("wWw.eXample", rr_type::a)
                        .add(0, "wwW.example", rr_type::cname, name_of("wWw.Target.eXample"))
                        .add(0, "wWw.target.example", rr_type::a, {198, 51, 100, 1})
                        .authority("eXample", rr_type::ns, "NS.Example");
  CHECK(echo.seen_by_client("WWW.example") == Texts{"WWW.example CNAME www.Target.example",
                                                    "www.target.example A 198.51.100.1", "|",
                                                    "example NS NS.Example", "|", "|"});
}

}  // namespace dnscache
