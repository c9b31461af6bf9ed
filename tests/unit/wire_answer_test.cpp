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

test::Message reply_of(const Answer& answer, const TtlRule& rule = {}) {
  const Bytes packet = test::encode({"wWw.Example", test::type_a, 5});
  Query query;
  REQUIRE(read_query(packet, query) == QueryFault::none);
  Bytes out(2000);
  out.resize(write_reply(query, answer.view(), rule, out.size(), out.data()));
  return test::decode(out).value();
}

}  // namespace

TEST_CASE("every record keeps its own TTL, and the lowest is the answer's lifetime") {
  Response response;
  REQUIRE(read(ResponseWriter()
                   .add(0, rr_type::a, 300, address)
                   .add(0, rr_type::a, 100, {198, 51, 100, 2})
                   .add(2, rr_type::a, 50, address),
               response) == ResponseFault::none);
  CHECK(response.answer.ttl == 50);
  CHECK(response.answer.has_data);
  const auto reply = reply_of(response.answer, {40, std::nullopt});
  CHECK(reply.answers.at(0).ttl == 260);
  CHECK(reply.answers.at(1).ttl == 60);
  CHECK(reply.additional.at(0).ttl == 10);
  CHECK(reply.questions.at(0).name == "wWw.Example");
  CHECK(reply.answers.at(0).name == "wWw.Example");
  CHECK(reply_of(response.answer, {1000, std::nullopt}).answers.at(0).ttl == 0);
  CHECK(reply_of(response.answer, {1000, 30}).answers.at(0).ttl == 30);
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

TEST_CASE("a reply that is too long says so and keeps within the limit") {
  Answer answer;
  for (unsigned i = 0; i < 40; ++i) add_answer(answer, rr_type::a, 60, address);
  const Bytes packet = test::encode({"www.example", test::type_a, 5});
  Query query;
  REQUIRE(read_query(packet, query) == QueryFault::none);
  const std::size_t whole = reply_overhead(query) + answer.records.size();
  Bytes out(whole);
  CHECK(write_reply(query, answer.view(), {}, whole, out.data()) == whole);
  out.assign(512, 0);
  out.resize(write_reply(query, answer.view(), {}, whole - 1, out.data()));
  const auto cut = test::decode(out).value();
  CHECK(cut.has(test::flag_tc));
  CHECK(cut.answers.empty());
  CHECK(cut.questions.size() == 1);
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
