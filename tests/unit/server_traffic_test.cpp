#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "resolver/server/traffic.hpp"
#include "tests/support/process.hpp"

namespace dnscache {

TEST_CASE("the most frequent are counted exactly while there is room", "[top]") {
  SpaceSaving sketch(3);
  for (int i = 0; i < 5; ++i) sketch.count("a");
  for (int i = 0; i < 2; ++i) sketch.count("b");
  sketch.count("c").nxdomain = 1;
  const auto top = sketch.top(2);
  REQUIRE(top.size() == 2);
  CHECK(top[0].key == "a");
  CHECK(top[0].counts.queries == 5);
  CHECK(top[0].counts.off_by == 0);
  CHECK(top[1].key == "b");
}

TEST_CASE("a frequent key stays among many rare ones, and is never counted too low", "[top]") {
  SpaceSaving sketch(20);
  for (int i = 0; i < 10000; ++i) {
    sketch.count("rare" + std::to_string(i));
    if (i % 10 == 0) sketch.count("often");
  }
  const auto top = sketch.top(20);
  REQUIRE(top.size() == 20);
  CHECK(top[0].key == "often");
  CHECK(top[0].counts.queries >= 1000);
  CHECK(top[0].counts.queries - top[0].counts.off_by <= 1000);
}

TEST_CASE("queries are counted from the first look on", "[top]") {
  Traffic traffic;
  CHECK_FALSE(traffic.is_on());
  Question question;
  question.name = *Name::parse("www.example.com");
  const Endpoint client{IpAddress::v4(127, 0, 0, 1), 4711};
  traffic.look(10);
  REQUIRE(traffic.is_on());
  traffic.add({client, Transport::udp, question, Rcode::nx_domain, "upstream",
               std::chrono::milliseconds(150)});
  traffic.add({client, Transport::udp, question, Rcode::no_error, "cache"});
  REQUIRE(test::eventually([&] { return traffic.look(10).at("queries") == 2; }));
  const auto seen = traffic.look(10);
  const auto& name = seen.at("names").at(0);
  CHECK(name.at("name") == "www.example.com");
  CHECK(name.at("queries") == 2);
  CHECK(name.at("misses") == 1);
  CHECK(name.at("nxdomain") == 1);
  CHECK(name.at("slow") == 1);
  CHECK(seen.at("zones").at(0).at("name") == "example.com");
  CHECK(seen.at("clients").at(0).at("name") == "127.0.0.1");
  CHECK(seen.at("clients").at(0).at("ports").at(0) == 4711);
  CHECK(traffic.look(0).at("names").empty());
}

TEST_CASE("packets without a question that can be read are no lookups of the root", "[top]") {
  Traffic traffic;
  traffic.look(10);
  const Question root;
  LoggedQuery broken{std::nullopt, Transport::udp, root, Rcode::format_error, "malformed"};
  const LoggedQuery query{std::nullopt, Transport::udp, root, Rcode::no_error, "cache"};
  broken.is_malformed = true;
  traffic.add(broken);
  traffic.add(query);
  traffic.add(query);
  REQUIRE(test::eventually([&] { return traffic.look(10).at("queries") == 3; }));
  const auto seen = traffic.look(10);
  for (const char* kind : {"names", "zones"}) {
    CHECK(seen.at(kind).at(0).at("name") == ".");
    CHECK(seen.at(kind).at(0).at("queries") == 2);
    CHECK(seen.at(kind).at(1).at("name") == "(malformed)");
    CHECK(seen.at(kind).at(1).at("queries") == 1);
  }
}

TEST_CASE("what comes too fast to be counted is dropped and told", "[top]") {
  Traffic traffic;
  traffic.look(1);
  Question question;
  for (int i = 0; i < 200000; ++i) {
    traffic.add({std::nullopt, Transport::udp, question, Rcode::no_error, "cache"});
  }
  CHECK(test::eventually([&] {
    const auto seen = traffic.look(1);
    return seen.at("queries").get<int>() + seen.at("dropped").get<int>() == 200000;
  }));
}

}  // namespace dnscache
