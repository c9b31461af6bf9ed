#include <catch2/catch.hpp>

#include "resolver/wire/answer.hpp"
#include "resolver/wire/build.hpp"
#include "tests/support/message.hpp"

namespace dnscache {
namespace {

using test::Bytes;

const Question question{*Name::parse("www.example"), rr_type::a};

Bytes sent_query(const char* name = "www.example") {
  Bytes out(512);
  const Bytes text = [&] {
    test::Writer writer;
    writer.name(name);
    return writer.bytes;
  }();
  out.resize(write_query(question, {77, text, true, {}}, out.data()));
  return out;
}

/// A response put together record by record.
struct ResponseWriter {
  test::Writer out;
  explicit ResponseWriter(std::uint16_t flags = test::flag_qr, const char* name = "www.example") {
    for (const unsigned value : {77u, unsigned{flags}, 1u, 0u, 0u, 0u}) {
      out.u16(static_cast<std::uint16_t>(value));
    }
    out.name(name);
    out.u16(rr_type::a);
    out.u16(1);
  }
  ResponseWriter& add(unsigned section, std::uint16_t type, std::uint32_t ttl, const Bytes& data) {
    auto& count = out.bytes[7 + 2 * section];
    ++count;
    out.u16(0xc00c);
    out.u16(type);
    out.u16(1);
    out.u32(ttl);
    out.u16(static_cast<std::uint16_t>(data.size()));
    out.append(data);
    return *this;
  }
  ResponseWriter& add_opt(std::uint8_t rcode, const Bytes& options = {}) {
    ++out.bytes[11];
    out.append({0, 0, 41, 4, 208, rcode, 0, 0, 0, 0, static_cast<std::uint8_t>(options.size())});
    out.append(options);
    return *this;
  }
};

const Bytes address{198, 51, 100, 1};
const Bytes soa{0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 30};

ResponseFault read(const ResponseWriter& writer, Response& response, const Bytes& sent) {
  return read_response(writer.out.bytes, sent, 60, response);
}
ResponseFault read(const ResponseWriter& writer, Response& response) {
  return read(writer, response, sent_query());
}

test::Message reply_of(const Answer& answer, const ReplyRule& rule = {}) {
  const Bytes packet = test::encode({"wWw.Example", test::type_a, 5});
  Query query;
  REQUIRE(read_query(packet, query) == QueryFault::none);
  Bytes out(2000);
  out.resize(write_reply(query, answer.view(), rule, out.size(), out.data()));
  return test::decode(out).value();
}

}  // namespace

TEST_CASE("every RRset keeps its own TTL, and the lowest of the answer section is the lifetime") {
  Response response;
  REQUIRE(read(ResponseWriter()
                   .add(0, rr_type::a, 300, address)
                   .add(0, rr_type::a, 100, {198, 51, 100, 2})
                   .add(1, rr_type::ns, 50, {2, 'n', 's', 0}),
               response) == ResponseFault::none);
  CHECK(response.answer.ttl == 100);
  CHECK(response.answer.has_data);
  const auto reply = reply_of(response.answer, {40});
  CHECK(reply.answers.at(0).ttl == 60);
  CHECK(reply.answers.at(1).ttl == 60);
  CHECK(reply.authority.at(0).ttl == 10);
  CHECK(reply.questions.at(0).name == "wWw.Example");
  CHECK(reply.answers.at(0).name == "wWw.Example");
  CHECK(reply_of(response.answer, {1000}).answers.at(0).ttl == 0);
}

TEST_CASE("optional records that have expired are left out, what was good for once is given once") {
  Response response;
  const Bytes target{2, 'm', 'x', 0};
  Bytes mx{0, 10};
  mx.insert(mx.end(), target.begin(), target.end());
  ResponseWriter writer;
  writer.out.bytes[12 + 13 + 1] = rr_type::mx;
  writer.add(0, rr_type::mx, 300, mx).add(1, rr_type::ns, 200, target);
  for (const std::uint8_t ttl : {std::uint8_t{100}, std::uint8_t{0}}) {
    ResponseWriter with_hint = writer;
    ++with_hint.out.bytes[11];
    with_hint.out.append({2, 'm', 'x', 0, 0, 1, 0, 1, 0, 0, 0, ttl, 0, 4, 192, 0, 2, 1});
    Bytes sent = sent_query();
    sent[12 + 13 + 1] = rr_type::mx;
    REQUIRE(read(with_hint, response, sent) == ResponseFault::none);
    CHECK(response.answer.ttl == 300);
    const auto counts_at = [&](std::uint32_t age) {
      const auto reply = reply_of(response.answer, {age});
      CHECK(reply.answers.size() == 1);
      return std::pair(reply.authority.size(), reply.additional.size());
    };
    CHECK(counts_at(0) == std::pair<std::size_t, std::size_t>(1, 1));
    CHECK(counts_at(99) == std::pair<std::size_t, std::size_t>(1, ttl == 100 ? 1 : 0));
    CHECK(counts_at(100) == std::pair<std::size_t, std::size_t>(1, 0));
    CHECK(counts_at(200) == std::pair<std::size_t, std::size_t>(0, 0));
  }
}

TEST_CASE("a proof in the authority section limits the lifetime, and is never left out") {
  Response response;
  const Bytes nsec{1, 'z', 0, 0, 1, 0x40};
  REQUIRE(read(ResponseWriter().add(0, rr_type::a, 300, address).add(1, rr_type::nsec, 60, nsec),
               response) == ResponseFault::none);
  CHECK(response.answer.ttl == 60);
  CHECK(reply_of(response.answer, {100}).authority.size() == 1);
}

TEST_CASE("a router's count of additional records that are not there is accepted") {
  Response response;
  ResponseWriter writer = ResponseWriter().add(0, rr_type::a, 300, address);
  writer.out.bytes[11] = 1;
  REQUIRE(read(writer, response) == ResponseFault::none);
  CHECK(response.answer.additional_count == 0);
  CHECK(reply_of(response.answer).answers.size() == 1);
  writer.out.bytes[9] = 1;  // an authority record that is not there
  CHECK(read(writer, response) == ResponseFault::malformed);
  writer.out.bytes[9] = 0;
  writer.out.bytes.push_back(0);  // half an OPT record
  CHECK(read(writer, response) == ResponseFault::malformed);
}

TEST_CASE("addresses come in another order at each turn") {
  const bool has_alias = GENERATE(false, true);
  const std::uint16_t type = GENERATE(rr_type::a, rr_type::aaaa);
  Answer answer;
  const Name target = *Name::parse("host.example");
  if (has_alias) add_answer(answer, rr_type::cname, 60, target.bytes());
  const Name owner = has_alias ? target : question.name;
  for (std::uint8_t i = 1; i <= 3; ++i) {
    Bytes data(type == rr_type::a ? 4 : 16, 0);
    data.back() = i;
    add_answer_of(answer, owner.bytes(), type, 60, data);
  }
  add_answer_of(answer, owner.bytes(), rr_type::rrsig, 60, {{0, 1, 2}});
  const auto order = [&](std::uint32_t turn) {
    const auto reply = reply_of(answer, {7, turn});
    CHECK(reply.answers.size() == (has_alias ? 5 : 4));
    CHECK(reply.answers.back().type == rr_type::rrsig);
    if (has_alias) CHECK(reply.answers.front().type == rr_type::cname);
    std::string digits;
    for (const test::Record& record : reply.answers) {
      CHECK(record.ttl == 53);
      if (record.type == type) digits += static_cast<char>('0' + record.rdata.back());
    }
    return digits;
  };
  CHECK(order(0) == "123");
  CHECK(order(1) == "231");
  CHECK(order(2) == "312");
  CHECK(order(3) == "123");
  CHECK(order(4'000'000'000) == "231");
}

TEST_CASE("addresses that are not of one name and form stay in their order") {
  Answer two_names;
  add_answer(two_names, rr_type::a, 60, address);
  add_answer_of(two_names, Name::parse("other.example")->bytes(), rr_type::a, 60, address);
  CHECK_FALSE(can_rotate(two_names.view()));
  Answer one;
  add_answer(one, rr_type::a, 60, address);
  CHECK_FALSE(can_rotate(one.view()));
  Answer text;
  for (std::uint8_t i = 0; i < 3; ++i) add_answer(text, rr_type::txt, 60, Bytes{1, i});
  CHECK_FALSE(can_rotate(text.view()));
  CHECK_FALSE(can_rotate(AnswerView{}));
}

TEST_CASE("a TTL with the top bit set is zero") {
  Response response;
  REQUIRE(read(ResponseWriter().add(0, rr_type::a, 0x80000005, address), response) ==
          ResponseFault::none);
  CHECK(response.answer.ttl == 0);
  CHECK(reply_of(response.answer).answers.at(0).ttl == 0);
}

TEST_CASE("a negative answer lives as long as its SOA says, by TTL or MINIMUM") {
  Response response;
  REQUIRE(read(ResponseWriter(test::flag_qr | 3).add(1, rr_type::soa, 600, soa), response) ==
          ResponseFault::none);
  CHECK(response.answer.is_negative());
  CHECK(response.answer.ttl == 30);
  REQUIRE(read(ResponseWriter().add(1, rr_type::soa, 20, soa), response) == ResponseFault::none);
  CHECK(response.answer.ttl == 20);
  REQUIRE(read(ResponseWriter(), response) == ResponseFault::none);
  CHECK(response.answer.ttl == 60);
}

TEST_CASE("OPT is taken out, with the upper bits of the code and the extended error") {
  Response response;
  REQUIRE(read(ResponseWriter(test::flag_qr | 2).add_opt(0, {0, 10, 0, 1, 9, 0, 15, 0, 2, 0, 22}),
               response) == ResponseFault::none);
  CHECK(response.has_edns);
  CHECK(response.answer.additional_count == 0);
  CHECK(response.answer.records.empty());
  CHECK(response.answer.extended_error == ExtendedError::no_reachable_authority);
  REQUIRE(read(ResponseWriter(test::flag_qr | 1).add_opt(0xff), response) == ResponseFault::none);
  CHECK(static_cast<unsigned>(response.answer.rcode) == 0xff1);
  CHECK(read(ResponseWriter().add_opt(0).add_opt(0), response) == ResponseFault::malformed);
  CHECK(read(ResponseWriter().add_opt(0, {0, 15, 0, 9, 0, 22}), response) ==
        ResponseFault::malformed);
}

TEST_CASE("records behind OPT are left out, those in front of it stay") {
  Response response;
  REQUIRE(read(ResponseWriter()
                   .add(0, rr_type::a, 300, address)
                   .add_opt(0)
                   .add(2, rr_type::a, 5, address),
               response) == ResponseFault::none);
  CHECK(response.answer.additional_count == 0);
  CHECK(response.answer.ttl == 300);
  CHECK(response.answer.ttl_offsets.size() == 1);
  CHECK(reply_of(response.answer).answers.size() == 1);
}

TEST_CASE("what is not the response to our question is refused") {
  Response response;
  const ResponseWriter good = ResponseWriter().add(0, rr_type::a, 300, address);
  const auto changed = [&](std::size_t at, std::uint8_t bits) {
    ResponseWriter writer = good;
    writer.out.bytes.at(at) ^= bits;
    return read(writer, response);
  };
  REQUIRE(changed(0, 0) == ResponseFault::none);
  CHECK(changed(0, 1) == ResponseFault::other_question);            // id
  CHECK(changed(2, 0x80) == ResponseFault::malformed);              // a query
  CHECK(changed(2, 0x08) == ResponseFault::malformed);              // another opcode
  CHECK(changed(5, 1) == ResponseFault::other_question);            // no question
  CHECK(changed(5, 3) == ResponseFault::other_question);            // two
  CHECK(changed(13, 1) == ResponseFault::other_question);           // another name
  CHECK(changed(12 + 13 + 1, 2) == ResponseFault::other_question);  // another type
  CHECK(changed(12 + 13 + 3, 2) == ResponseFault::other_question);  // another class
  for (std::size_t size = 0; size < good.out.bytes.size(); ++size) {
    ResponseWriter writer = good;
    writer.out.bytes.resize(size);
    CHECK(read(writer, response) != ResponseFault::none);
  }
}

TEST_CASE("the letter case must come back as sent, unless it was sent without capitals") {
  Response response;
  const auto upper = ResponseWriter(test::flag_qr, "WWW.EXAMPLE").add(0, rr_type::a, 9, address);
  const auto plain = ResponseWriter().add(0, rr_type::a, 9, address);
  CHECK(read(plain, response, sent_query("wWw.example")) == ResponseFault::other_case);
  CHECK(read(upper, response, sent_query("wWw.example")) == ResponseFault::other_case);
  CHECK(read(upper, response, sent_query("www.example")) == ResponseFault::none);
  CHECK(reply_of(response.answer).answers.at(0).name == "wWw.Example");
}

TEST_CASE("record data whose form clients rely on is checked") {
  Response response;
  const auto fault = [&](std::uint16_t type, const Bytes& data) {
    return read(ResponseWriter().add(0, type, 9, data), response);
  };
  CHECK(fault(rr_type::a, {1, 2, 3}) == ResponseFault::malformed);
  CHECK(fault(rr_type::aaaa, address) == ResponseFault::malformed);
  CHECK(fault(rr_type::cname, {}) == ResponseFault::malformed);
  CHECK(fault(rr_type::cname, {1, 'a', 0, 0}) == ResponseFault::malformed);
  CHECK(fault(rr_type::cname, {1, 'a', 0xc0, 12}) == ResponseFault::none);
  CHECK(fault(rr_type::mx, {0, 1}) == ResponseFault::malformed);
  CHECK(fault(rr_type::mx, {0, 1, 0}) == ResponseFault::none);
  CHECK(fault(rr_type::srv, {0, 1, 0, 1, 0, 53, 0xc0, 12}) == ResponseFault::none);
  CHECK(fault(rr_type::soa, {0, 0, 1}) == ResponseFault::malformed);
  CHECK(fault(65280, {}) == ResponseFault::none);
}

TEST_CASE("a name that runs through a TTL, which will change, is refused") {
  Response response;
  const std::uint8_t record = 12 + 13 + 4;  // where the first record begins
  const auto fault = [&](std::uint8_t target) {
    return read(ResponseWriter().add(0, rr_type::cname, 0, {0xc0, target}), response);
  };
  CHECK(fault(12) == ResponseFault::none);
  for (std::uint8_t at = 6; at < 10; ++at) {
    CHECK(fault(static_cast<std::uint8_t>(record + at)) == ResponseFault::malformed);
  }
  const Bytes data{0xc0, static_cast<std::uint8_t>(record + 6)};
  CHECK(read(ResponseWriter().add(0, rr_type::a, 0, address).add(0, rr_type::cname, 9, data),
             response) == ResponseFault::malformed);
}

TEST_CASE("a failure without a question is believed, data without one is not") {
  Response response;
  const auto header = [](std::uint8_t rcode) {
    return Bytes{0, 77, 0x80, rcode, 0, 0, 0, 0, 0, 0, 0, 0};
  };
  CHECK(read_response(header(5), sent_query(), 60, response) == ResponseFault::none);
  CHECK(response.answer.rcode == Rcode::refused);
  CHECK(read_response(header(0), sent_query(), 60, response) == ResponseFault::other_question);
  CHECK(read_response(header(3), sent_query(), 60, response) == ResponseFault::other_question);
}

namespace {

/// The reply to a question about `www.example`, in `limit` bytes.
test::Message reply_within(std::size_t limit, const Answer& answer, bool with_edns) {
  test::Query asked{"www.example", test::type_a, 5};
  if (with_edns) asked.edns.emplace();
  const Bytes packet = test::encode(asked);
  Query query;
  REQUIRE(read_query(packet, query) == QueryFault::none);
  Bytes out(std::max<std::size_t>(limit, 512));
  out.resize(write_reply(query, answer.view(), {}, limit, out.data()));
  CHECK(out.size() <= std::max<std::size_t>(limit, 60));
  return test::decode(out).value();
}

}  // namespace

TEST_CASE("a reply that is too long says so and keeps within the limit") {
  const bool with_edns = GENERATE(false, true);
  Answer answer;
  for (unsigned i = 0; i < 40; ++i) add_answer(answer, rr_type::a, 60, address);
  // No byte is reserved for an option that is not sent.
  const std::size_t whole = header_size + 13 + 4 + answer.records.size() + (with_edns ? 11 : 0);
  CHECK(reply_within(whole, answer, with_edns).answers.size() == 40);
  const auto cut = reply_within(whole - 1, answer, with_edns);
  CHECK(cut.has(test::flag_tc));
  CHECK(cut.answers.empty());
  CHECK(cut.questions.size() == 1);
  CHECK(cut.edns.has_value() == with_edns);
}

TEST_CASE("the largest message passes") {
  Answer answer;
  const std::size_t room = max_message_size - header_size - 17 - 11;
  add_answer(answer, rr_type::txt, 60, Bytes(room - 12, 0));
  REQUIRE(answer.records.size() == room);
  const auto reply = reply_within(max_message_size, answer, true);
  CHECK_FALSE(reply.has(test::flag_tc));
  CHECK(reply.size == max_message_size);
}

TEST_CASE("what is optional gives way before a reply is cut off") {
  Answer answer;
  add_answer(answer, rr_type::a, 60, address);
  const std::size_t of_answer = 29 + answer.records.size();
  for (std::uint8_t i = 0; i < 10; ++i) add_answer(answer, rr_type::ns, 60, Bytes{1, i, 0});
  answer.answer_count = 1;
  answer.authority_count = 10;
  const std::size_t of_authority = 29 + answer.records.size();
  for (std::uint8_t i = 0; i < 10; ++i) add_answer(answer, rr_type::a, 60, Bytes{10, 0, 0, i});
  answer.answer_count = 1;
  answer.additional_count = 10;
  const std::size_t whole = 29 + answer.records.size();
  const auto sizes = [&](std::size_t limit) {
    const auto reply = reply_within(limit, answer, false);
    CHECK(reply.has(test::flag_tc) == (limit < of_answer));
    return std::array{reply.answers.size(), reply.authority.size(), reply.additional.size()};
  };
  using Sizes = std::array<std::size_t, 3>;
  CHECK(sizes(whole) == Sizes{1, 10, 10});
  CHECK(sizes(whole - 1) == Sizes{1, 10, 0});
  CHECK(sizes(of_authority) == Sizes{1, 10, 0});
  CHECK(sizes(of_authority - 1) == Sizes{1, 0, 0});
  CHECK(sizes(of_answer) == Sizes{1, 0, 0});
  CHECK(sizes(of_answer - 1) == Sizes{0, 0, 0});
  // A negative answer is not complete without its SOA.
  Answer negative(Rcode::nx_domain);
  add_local_soa(negative, question.name, 60);
  CHECK(reply_within(29 + negative.records.size(), negative, false).authority.size() == 1);
  CHECK(reply_within(28 + negative.records.size(), negative, false).has(test::flag_tc));
}

TEST_CASE("AD and EDE go to those who asked for them") {
  Answer answer(Rcode::server_failure, ExtendedError::network_error);
  answer.authentic = true;
  const auto reply = [&](test::Query asked) {
    const Bytes packet = test::encode(asked);
    Query query;
    REQUIRE(read_query(packet, query) == QueryFault::none);
    Bytes out(512);
    out.resize(write_reply(query, answer.view(), {}, out.size(), out.data()));
    return test::decode(out).value();
  };
  test::Query asked{"www.example", test::type_a, 5};
  CHECK_FALSE(reply(asked).has(test::flag_ad));
  CHECK_FALSE(reply(asked).edns);
  asked.flags |= test::flag_ad;
  CHECK(reply(asked).has(test::flag_ad));
  asked.flags = test::flag_rd;
  asked.edns = test::Edns{1232, 0, true, {}};
  CHECK(reply(asked).has(test::flag_ad));
  CHECK(reply(asked).option_codes() == std::vector<std::uint16_t>{15});
  CHECK(reply(asked).edns->dnssec_ok);
}

TEST_CASE("clamping keeps every TTL and the lifetime within bounds") {
  Answer answer;
  add_answer(answer, rr_type::a, 5, address);
  add_answer(answer, rr_type::a, 500, address);
  answer.ttl = 5;
  answer.clamp_ttls(10, 100);
  CHECK(answer.ttl == 10);
  CHECK(reply_of(answer).answers.at(0).ttl == 10);
  CHECK(reply_of(answer).answers.at(1).ttl == 100);
}

TEST_CASE("an empty answer of a server that does not serve the name is lame") {
  const auto is_lame = [](std::uint16_t flags, bool with_soa, bool with_referral = false) {
    ResponseWriter writer(static_cast<std::uint16_t>(test::flag_qr | flags));
    if (with_soa) writer.add(1, rr_type::soa, 60, soa);
    if (with_referral) writer.add(1, rr_type::ns, 60, {2, 'n', 's', 0});
    Response response;
    REQUIRE(read(writer, response, sent_query()) == ResponseFault::none);
    return response.answer.is_lame;
  };
  CHECK(is_lame(0, false));
  CHECK(is_lame(0, false, true));
  CHECK_FALSE(is_lame(test::flag_ra, false));
  CHECK_FALSE(is_lame(test::flag_ra, false, true));
  CHECK_FALSE(is_lame(test::flag_aa, false));
  CHECK_FALSE(is_lame(0, true));
  CHECK_FALSE(is_lame(3, false));  // NXDOMAIN

  Response response;
  const auto data = ResponseWriter().add(0, rr_type::a, 60, address);
  REQUIRE(read(data, response, sent_query()) == ResponseFault::none);
  CHECK_FALSE(response.answer.is_lame);
}

}  // namespace dnscache
