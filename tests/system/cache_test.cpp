// What is kept, for how long, and what is not.
#include "tests/system/fixture.hpp"

using namespace dnscache::test;

TEST_CASE("a question is asked upstream once, each type and class for itself") {
  Cache cache;
  for (int i = 0; i < 3; ++i) {
    CHECK(cache.ask("www.example.com"));
    CHECK(cache.ask("WWW.example.com", type_aaaa));
    CHECK(cache.ask("other.example.com"));
  }
  CHECK(cache.upstream.count("www.example.com", type_a) >= 1);
  CHECK(cache.upstream.count("www.example.com", type_aaaa) >= 1);
  CHECK(cache.upstream.count("other.example.com") >= 1);
  const auto status = cache.status();
  CHECK(status.at("queries").at("hits").get<int>() == 6);
  CHECK(status.at("queries").at("misses").get<int>() == 3);
  CHECK(status.at("cache").at("entries").get<int>() == 3);
}

TEST_CASE("every RRset's own TTL counts down") {
  Cache cache;
  Behaviour how;
  how.chain = 1;
  how.records = 3;
  how.ttls = {4000, 300, 200, 500};
  cache.upstream.set("www.example.com", 0, how);
  CHECK(cache.ask("www.example.com")->answers.at(1).ttl == 200);
  sleep_for(milliseconds(2100));
  const auto reply = cache.ask("www.example.com");
  REQUIRE(reply);
  REQUIRE(reply->answers.size() == 4);
  const std::uint32_t passed = 4000 - reply->answers[0].ttl;
  CHECK(passed >= 2);
  for (std::size_t i = 1; i < 4; ++i) CHECK(reply->answers[i].ttl == 200 - passed);
  CHECK(cache.misses() == 1);
}

TEST_CASE("an expired answer is fetched again") {
  Cache cache("cache: {prefetch: false}\n");
  cache.upstream.set("ttl=1");
  CHECK(cache.ask("www.example.com"));
  sleep_for(milliseconds(1200));
  cache.upstream.set("address=192.0.2.9 ttl=1");
  CHECK(cache.ask("www.example.com")->texts(type_a) == std::vector<std::string>{"192.0.2.9"});
  CHECK(cache.misses() == 2);
}

TEST_CASE("a record with TTL 0 is not kept") {
  Cache cache;
  cache.upstream.set("ttl=0");
  CHECK(cache.ask("www.example.com"));
  CHECK(cache.ask("www.example.com"));
  CHECK(cache.misses() == 2);
}

TEST_CASE("negative answers are kept, with and without an SOA record") {
  Cache cache;
  const std::string kind = GENERATE("nxdomain", "nodata", "nxdomain no-soa", "nodata no-soa");
  INFO(kind);
  cache.upstream.set(kind);
  for (int i = 0; i < 3; ++i) {
    const auto reply = cache.ask("nothing.example.com");
    REQUIRE(reply);
    CHECK(reply->rcode == (kind.starts_with("nxdomain") ? nxdomain : noerror));
    CHECK(reply->answers.empty());
    if (kind.find("no-soa") == std::string::npos) {
      REQUIRE(reply->authority.size() == 1);
      CHECK(reply->authority[0].type == type_soa);
      CHECK(reply->authority[0].ttl <= 60);
    }
  }
  CHECK(cache.misses() == 1);
}

TEST_CASE("a negative answer lives as long as its SOA says") {
  Cache cache("cache: {prefetch: false}\n");
  cache.upstream.set("nxdomain soa-ttl=1");
  CHECK(cache.ask("nothing.example.com")->rcode == nxdomain);
  sleep_for(milliseconds(1200));
  cache.upstream.set("answer");
  CHECK(is_true_answer(cache.ask("nothing.example.com"), "nothing.example.com"));
}

TEST_CASE("the configured lifetime of negative answers without SOA counts") {
  Cache cache("cache: {prefetch: false, negative: {default_ttl: 1s}}\n");
  cache.upstream.set("nxdomain no-soa");
  CHECK(cache.ask("nothing.example.com")->rcode == nxdomain);
  sleep_for(milliseconds(1200));
  cache.upstream.set("answer");
  CHECK(is_true_answer(cache.ask("nothing.example.com"), "nothing.example.com"));
}

TEST_CASE("max_ttl and min_ttl bound what is kept and told") {
  Cache cache("cache: {min_ttl: 30s, max_ttl: 100s}\n");
  cache.upstream.set("long.example", "ttl=5000");
  cache.upstream.set("short.example", "ttl=1");
  for (int i = 0; i < 2; ++i) {
    CHECK(cache.ask("long.example")->answers.at(0).ttl <= 100);
    CHECK(cache.ask("short.example")->answers.at(0).ttl >= 15);
    sleep_for(milliseconds(1200));
  }
  CHECK(cache.misses() == 2);
}

TEST_CASE("a TTL with the highest bit set counts as 0") {  // RFC 2181 section 8
  Cache cache;
  cache.upstream.set("ttl=4000000000");
  CHECK(cache.ask("www.example.com")->answers.at(0).ttl <= 24 * 3600);
  CHECK(cache.ask("www.example.com"));
}

TEST_CASE("a CNAME chain keeps its order") {
  Cache cache;
  cache.upstream.set("chain=3 records=2");
  for (int i = 0; i < 2; ++i) {
    const auto reply = cache.ask("www.example.com");
    REQUIRE(reply);
    REQUIRE(reply->answers.size() == 5);
    CHECK(reply->answers[0].name == "www.example.com");
    CHECK(reply->answers[0].text == "cname1.www.example.com");
    CHECK(reply->answers[2].text == "cname3.www.example.com");
    const std::string& first = reply->answers[3].text;
    const std::string& second = reply->answers[4].text;
    CHECK(reply->answers[4].name == "cname3.www.example.com");
    CHECK(first != second);
    CHECK((first == address_of("cname3.www.example.com") ||
           second == address_of("cname3.www.example.com")));
  }
  CHECK(cache.misses() == 1);
}

TEST_CASE("records that come along with an answer answer no other question") {
  Cache cache;
  const std::string kind = GENERATE("", "nxdomain", "nodata", "chain=1");
  INFO(kind);
  cache.upstream.set("bait.example", kind + " poison=victim.example");
  REQUIRE(cache.ask("bait.example"));
  CHECK(is_true_answer(cache.ask("victim.example"), "victim.example"));
  CHECK(cache.upstream.count("victim.example") >= 1);
}

TEST_CASE("a failure is kept for seconds at most") {
  Cache cache;
  cache.upstream.set("servfail");
  CHECK(cache.ask("www.example.com")->rcode == servfail);
  cache.upstream.set("answer");
  CHECK(eventually([&] { return is_true_answer(cache.ask("www.example.com"), "www.example.com"); },
                   milliseconds(20000)));
}

TEST_CASE("flush forgets a name, a zone or everything") {
  Cache cache;
  const std::vector<std::string> names = {"www.example.com", "mail.example.com", "example.org"};
  const auto ask_all = [&] {
    for (const auto& name : names) CHECK(is_true_answer(cache.ask(name), name));
  };
  ask_all();
  CHECK(cache.ask("www.example.com", type_aaaa));
  auto reply = cache.control(R"({"command":"flush","name":"WWW.example.com"})");
  CHECK(reply.at("ok") == true);
  CHECK(reply.at("flushed") == 2);
  ask_all();
  CHECK(cache.misses() == 5);

  reply = cache.control(R"({"command":"flush","zone":"example.com"})");
  CHECK(reply.at("flushed") == 2);
  ask_all();
  CHECK(cache.misses() == 7);

  reply = cache.control(R"({"command":"flush"})");
  CHECK(reply.at("flushed") == 3);
  CHECK(cache.status().at("cache").at("entries") == 0);
  ask_all();
  CHECK(cache.misses() == 10);
}

TEST_CASE("the cache stays within its bytes and forgets what is least used") {
  Cache cache("cache: {size: 1MiB}\n");
  cache.upstream.set("text=700");
  UdpClient client(cache.engine.address());
  std::size_t answered = 0;
  for (int i = 0; i < 4000; ++i) {
    client.send(query_with_edns("name" + std::to_string(i) + ".example", type_txt));
    if (client.receive(patience)) ++answered;
  }
  CHECK(answered == 4000);
  const auto size = cache.status().at("cache");
  CHECK(size.at("size_bytes") == 1 << 20);
  CHECK(size.at("bytes").get<std::uint64_t>() <= 1 << 20);
  CHECK(size.at("evictions").get<std::uint64_t>() > 1000);
  CHECK(size.at("entries").get<std::uint64_t>() > 100);
}
