#include <catch2/catch.hpp>

#include "resolver/local/special_names.hpp"
#include "tests/support/message.hpp"

namespace dnscache {
namespace {

std::optional<Answer> answer_to(const Question& question, bool with_home_arpa = true) {
  auto special = find_special_name(question, with_home_arpa);
  if (!special) return std::nullopt;
  return std::move(special->answer);
}

// The reply as a client sees it.
test::Message reply_to(const char* name, std::uint16_t type, std::uint16_t qclass = 1) {
  const test::Bytes packet = test::encode({name, type, 7, test::flag_rd, qclass});
  Query query;
  REQUIRE(read_query(packet, query) == QueryFault::none);
  auto answer = answer_special_type(query);
  if (!answer) answer = answer_to(query.question);
  REQUIRE(answer);
  test::Bytes out(512);
  out.resize(write_reply(query, answer->view(), {}, out.size(), out.data()));
  return test::decode(out).value();
}

}  // namespace

TEST_CASE("localhost and everything below it is this machine") {
  for (const char* name : {"localhost", "LocalHost", "db.localhost"}) {
    CHECK(reply_to(name, rr_type::a).texts(test::type_a) == std::vector<std::string>{"127.0.0.1"});
    CHECK(reply_to(name, rr_type::aaaa).texts(test::type_aaaa) == std::vector<std::string>{"::1"});
    const auto none = reply_to(name, rr_type::mx);
    CHECK(none.rcode == test::noerror);
    CHECK(none.answers.empty());
    CHECK(none.authority.at(0).type == test::type_soa);
  }
  const char* v6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa";
  for (const char* name : {"1.0.0.127.in-addr.arpa", "9.8.7.127.in-addr.arpa", v6}) {
    CHECK(reply_to(name, rr_type::ptr).texts(test::type_ptr).at(0).starts_with("localhost"));
  }
}

TEST_CASE("names that exist nowhere are NXDOMAIN with an SOA record to cache them by") {
  for (const char* name :
       {"invalid", "x.invalid", "test", "www.test", "printer.home.arpa", "abc.onion", "a.b.alt",
        "1.0.in-addr.arpa", "255.255.255.255.in-addr.arpa"}) {
    const auto reply = reply_to(name, rr_type::a);
    INFO(name);
    CHECK(reply.rcode == test::nxdomain);
    CHECK(reply.authority.at(0).type == test::type_soa);
  }
  CHECK(reply_to("_dns.resolver.arpa", 64).rcode == test::noerror);
}

TEST_CASE("names that only look special are ordinary") {
  for (const char* name :
       {"example.com", "notlocalhost", "localhost.example", "invalid.com", "myinvalid", "xalt",
        "1.0.0.128.in-addr.arpa", "2.168.192.in-addr.arpa", "example.arpa", "local", "mytest",
        "test.example", "myhome.arpa",
        "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", "."}) {
    INFO(name);
    CHECK_FALSE(answer_to({*Name::parse(name), rr_type::a}));
  }
}

TEST_CASE("home.arpa exists, its DS record is the parent's, and a network of its own may have it") {
  CHECK(reply_to("home.arpa", rr_type::a).rcode == test::noerror);
  CHECK_FALSE(answer_to({*Name::parse("home.arpa"), rr_type::ds}));
  CHECK(answer_to({*Name::parse("x.home.arpa"), rr_type::ds}));
  CHECK_FALSE(answer_to({*Name::parse("x.home.arpa"), rr_type::a}, false));
  CHECK(answer_to({*Name::parse("x.test"), rr_type::a}, false));
}

TEST_CASE(
    "classes other than IN, transfers and meta types are refused, ANY gets RFC 8482's answer") {
  CHECK(reply_to("version.bind", 16, 3).rcode == test::refused);
  CHECK(reply_to("example.com", rr_type::axfr).rcode == test::refused);
  CHECK(reply_to("example.com", rr_type::ixfr).rcode == test::refused);
  CHECK(reply_to("example.com", rr_type::tsig).rcode == test::refused);
  CHECK(reply_to("example.com", rr_type::opt).rcode == test::formerr);
  CHECK(reply_to("example.com", 0).rcode == test::formerr);
  const auto any = reply_to("example.com", rr_type::any);
  CHECK(any.answers.at(0).type == rr_type::hinfo);
  CHECK(any.answers.at(0).rdata == test::Bytes{7, 'R', 'F', 'C', '8', '4', '8', '2', 0});
}

}  // namespace dnscache
