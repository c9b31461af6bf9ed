// The test upstream and the test client are tested too: everything else relies on them.
#include <catch2/catch.hpp>

#include "tests/support/client.hpp"
#include "tests/support/netns.hpp"
#include "tests/support/process.hpp"
#include "tests/support/upstream.hpp"

using namespace dnscache::test;

TEST_CASE("test upstream: answers with the address of the name, in the case that was sent") {
  TestUpstream upstream;
  const auto reply = ask(upstream.address(), "WWW.example.com");
  REQUIRE(reply);
  CHECK(reply->questions.at(0).name == "WWW.example.com");
  CHECK(reply->texts(type_a) == std::vector{address_of("www.example.com")});
  CHECK(ask(upstream.address(), "www.example.com", type_aaaa)->texts(type_aaaa) ==
        std::vector{address_of("www.example.com", type_aaaa)});
  CHECK(upstream.count("www.EXAMPLE.com") == 2);
  CHECK(upstream.count("www.example.com", type_aaaa) == 1);
  CHECK(upstream.seen().at(0).query.name == "WWW.example.com");
}

TEST_CASE("test upstream: the most precise rule wins and can change at run time") {
  TestUpstream upstream;
  upstream.set("nxdomain");
  upstream.set("*.example.com", "ttl=5 records=3");
  upstream.set("www.example.com", type_a, Behaviour::parse("chain=2 ttl=7"));
  CHECK(ask(upstream.address(), "other.example")->rcode == nxdomain);
  CHECK(ask(upstream.address(), "other.example")->authority.at(0).type == type_soa);
  CHECK(ask(upstream.address(), "a.example.com")->answers.size() == 3);
  CHECK(ask(upstream.address(), "a.example.com")->answers.at(2).ttl == 5);
  const auto chain = ask(upstream.address(), "www.example.com");
  REQUIRE(chain->answers.size() == 3);
  CHECK(chain->answers.at(0).text == "cname1.www.example.com");
  CHECK(chain->answers.at(2).text == address_of("cname2.www.example.com"));
  CHECK(ask(upstream.address(), "www.example.com", type_aaaa)->answers.size() == 3);
  upstream.clear_rules();
  CHECK(ask(upstream.address(), "www.example.com")->rcode == nxdomain);
}

TEST_CASE("test upstream: drops, delays and counts") {
  TestUpstream upstream;
  upstream.set("drop");
  CHECK_FALSE(ask(upstream.address(), Query{"a.example"}, milliseconds(50)));
  upstream.set("drop-first=1");
  CHECK_FALSE(ask(upstream.address(), Query{"a.example"}, milliseconds(50)));
  CHECK(ask(upstream.address(), "a.example"));
  upstream.set("delay 30");
  const auto start = std::chrono::steady_clock::now();
  CHECK(ask(upstream.address(), "a.example"));
  CHECK(std::chrono::steady_clock::now() - start >= milliseconds(30));
  const auto counts = upstream.counts();
  CHECK(counts.questions == 4);
  CHECK(counts.dropped == 2);
  CHECK(counts.peak_per_second >= 1);
  CHECK(counts.peak_per_second <= 4);
}

TEST_CASE("test upstream: half of the packets are dropped with probability one half") {
  TestUpstream upstream;
  upstream.set("drop=0.5");
  UdpClient client(upstream.address());
  for (int i = 0; i < 200; ++i) client.send(Query{"a.example"});
  REQUIRE(eventually([&] { return upstream.count() == 200; }));
  CHECK(upstream.counts().dropped > 60);
  CHECK(upstream.counts().dropped < 140);
}

TEST_CASE("test upstream: what does not fit is truncated over UDP and whole over TCP") {
  TestUpstream upstream;
  upstream.set("text=2000");
  const auto small = ask(upstream.address(), "a.example", type_txt);
  REQUIRE(small);
  CHECK(small->has(flag_tc));
  CHECK(small->answers.empty());
  Query query{"a.example", type_txt};
  CHECK(ask_tcp(upstream.address(), query)->answers.at(0).text.size() == 2000);
  query.edns = Edns{};
  query.edns->payload_size = 4096;
  CHECK(ask(upstream.address(), query)->answers.at(0).text.size() == 2000);
  upstream.set("truncate");
  CHECK(ask(upstream.address(), "a.example")->has(flag_tc));
  CHECK_FALSE(ask_tcp(upstream.address(), Query{"a.example"})->has(flag_tc));
}

TEST_CASE("test upstream: lies, and tells the truth afterwards") {
  TestUpstream upstream;
  const std::string lie = GENERATE("wrong-id", "wrong-question", "wrong-type", "garbage", "runt",
                                   "pointer-loop", "bad-length", "no-question", "query-bit");
  INFO(lie);
  upstream.set(lie + " truth-after 20");
  UdpClient client(upstream.address());
  client.send(Query{"Lie.example", type_a, 77});
  const auto first = client.receive();
  REQUIRE(first);
  const auto message = decode(*first);
  const bool looks_true =
      message && message->id == 77 && message->has(flag_qr) && message->questions.size() == 1 &&
      message->questions[0].name == "Lie.example" && message->questions[0].type == type_a;
  CHECK_FALSE(looks_true);
  const auto second = client.receive_message();
  REQUIRE(second);
  CHECK(second->id == 77);
  CHECK(second->texts(type_a) == std::vector{address_of("lie.example")});
}

TEST_CASE("test upstream: answers from another port do not reach a connected socket") {
  TestUpstream upstream;
  upstream.set("wrong-port");
  CHECK_FALSE(ask(upstream.address(), Query{"a.example"}, milliseconds(100)));
  CHECK(eventually([&] { return upstream.counts().replies == 1; }));
}

TEST_CASE("test upstream: without EDNS it answers FORMERR to OPT") {
  TestUpstream upstream;
  upstream.set("no-edns");
  Query query{"a.example"};
  CHECK(ask(upstream.address(), query)->rcode == noerror);
  query.edns = Edns{};
  const auto reply = ask(upstream.address(), query);
  CHECK(reply->rcode == formerr);
  CHECK_FALSE(reply->edns);
}

TEST_CASE("test upstream: TCP in small segments, out of order, closed early, never") {
  TestUpstream upstream;
  upstream.set("tcp-split=1");
  CHECK(ask_tcp(upstream.address(), Query{"a.example"}));
  upstream.set("tcp-reverse");
  TcpClient client(upstream.address());
  client.send(Query{"a.example", type_a, 1});
  client.send(Query{"b.example", type_a, 2});
  CHECK(client.receive_message()->id == 2);
  CHECK(client.receive_message()->id == 1);
  upstream.set("tcp-close-after=1");
  client.send(Query{"c.example", type_a, 3});
  CHECK(client.receive_message()->id == 3);
  CHECK(client.is_closed_within(patience));
  upstream.set("tcp-close-after=0");
  CHECK_FALSE(ask_tcp(upstream.address(), Query{"a.example"}));
  upstream.set("tcp-silent");
  CHECK_FALSE(ask_tcp(upstream.address(), Query{"a.example"}, milliseconds(50)));
}

TEST_CASE("test upstream: listens on several addresses, IPv6 too") {
  TestUpstream upstream({.listen = {{"127.0.0.1", 0}, {"::1", 0}}});
  CHECK(ask(upstream.address(0), "a.example"));
  CHECK(ask(upstream.address(1), "a.example"));
  CHECK(ask_tcp(upstream.address(1), Query{"a.example"}));
}

TEST_CASE("test upstream: an unknown word of the command language is an error") {
  CHECK_THROWS_AS(Behaviour::parse("frobnicate"), std::invalid_argument);
  CHECK_THROWS_AS(Behaviour::parse("ttl"), std::invalid_argument);
  CHECK_THROWS_AS(Behaviour::parse("drop=2"), std::invalid_argument);
}

TEST_CASE("test process: output, exit status, signals") {
  Process fails({"sh", "-c", "echo out; echo err >&2; exit 3"});
  CHECK(fails.wait() == 3);
  CHECK(fails.output() == "out\n");
  CHECK(fails.errors() == "err\n");
  Process sleeps({"sleep", "100"});
  CHECK_FALSE(sleeps.wait(milliseconds(20)));
  sleeps.signal(SIGTERM);
  CHECK(sleeps.wait() == 128 + SIGTERM);
}

TEST_CASE("test namespace: has its own addresses and mounts") {
  if (!namespaces_permitted()) {
    WARN("SKIPPED: namespaces are not permitted here");
    return;
  }
  const auto before = read_text("/etc/hostname");
  in_namespace({"192.168.1.100", "2001:db8::53"}, [&] {
    TestUpstream upstream({.listen = {{"192.168.1.100", 53}, {"2001:db8::53", 53}}});
    CHECK(ask({"192.168.1.100", 53}, "a.example"));
    CHECK(ask({"2001:db8::53", 53}, "a.example"));
    TempDir directory;
    bind_mount(directory.write("name", "inside\n"), "/etc/hostname");
    CHECK(read_text("/etc/hostname") == "inside\n");
  });
  CHECK(read_text("/etc/hostname") == before);
}
