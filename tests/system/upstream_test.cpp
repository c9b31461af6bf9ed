// Misses: what upstreams are asked, what is believed, and what happens when they fail.
#include <set>

#include "tests/system/fixture.hpp"

using namespace dnscache::test;

namespace {

/// The engine in front of two upstreams, the first preferred.
struct TwoUpstreams {
  TestUpstream first;
  TestUpstream second;
  Engine engine;

  explicit TwoUpstreams(const std::string& config = "policy: ordered\n")
      : engine(with_config(upstreams_line({&first, &second}) + config)) {}
};

}  // namespace

TEST_CASE("many clients with the same question cost one upstream query") {
  Cache cache;
  cache.upstream.set("delay 150");
  std::vector<std::unique_ptr<UdpClient>> clients;
  std::vector<Query> queries;
  for (int i = 0; i < 20; ++i) {
    Query question = query(i % 2 == 0 ? "www.example.com" : "WwW.ExAmPlE.CoM");
    question.id = static_cast<std::uint16_t>(1000 + i);
    queries.push_back(question);
    clients.push_back(std::make_unique<UdpClient>(cache.engine.address()));
    clients.back()->send(question);
  }
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const auto reply = clients[i]->receive_message();
    REQUIRE(reply);
    CHECK(reply->id == queries[i].id);
    CHECK(reply->questions.at(0).name == queries[i].name);
    CHECK(is_true_answer(reply, "www.example.com"));
  }
  CHECK(cache.upstream.count() <=
        2);  // the second is sent when this machine is slow: no answer yet
}

TEST_CASE("upstream queries have random ids and ports, and ask for recursion") {
  Cache cache;
  for (int i = 0; i < 400; ++i) REQUIRE(cache.ask("name" + std::to_string(i) + ".example"));
  std::set<std::uint16_t> ids;
  std::set<std::uint16_t> ports;
  for (const auto& seen : cache.upstream.seen()) {
    ids.insert(seen.query.id);
    ports.insert(seen.source_port);
    CHECK((seen.query.flags & flag_rd) != 0);
  }
  CHECK(ids.size() > 380);
  CHECK(ports.size() > 380);
}

TEST_CASE("packets with a wrong id are counted") {
  Cache cache;
  cache.upstream.set("wrong-id truth-after 20");
  REQUIRE(is_true_answer(cache.ask("www.example.com"), "www.example.com"));
  CHECK(cache.status().at("groups").at(0).at("upstreams").at(0).at("ignored").get<int>() >= 1);
}

TEST_CASE("a forged reply is ignored and the true one is taken") {
  Cache cache;
  const std::string lie = GENERATE("wrong-id", "wrong-question", "wrong-type", "wrong-port",
                                   "no-question", "query-bit", "runt");
  INFO(lie);
  cache.upstream.set(lie + " truth-after 50");
  CHECK(is_true_answer(cache.ask("www.example.com"), "www.example.com"));
  CHECK(is_true_answer(cache.ask("www.example.com"), "www.example.com"));
}

TEST_CASE("forged replies alone are no answer") {
  Cache cache("timeout: 1s\n");
  const std::string lie = GENERATE("wrong-id", "wrong-question", "wrong-type", "wrong-port");
  INFO(lie);
  cache.upstream.set(lie);
  const auto reply = cache.ask("www.example.com");
  REQUIRE(reply);
  CHECK(reply->rcode == servfail);
  CHECK(reply->answers.empty());
}

TEST_CASE("a broken reply never becomes an answer, the next upstream is asked") {
  TwoUpstreams upstreams;
  const std::string kind = GENERATE("garbage", "pointer-loop", "bad-length", "runt");
  INFO(kind);
  upstreams.first.set(kind);
  for (int i = 0; i < 3; ++i) {
    const std::string name = "name" + std::to_string(i) + ".example";
    CHECK(is_true_answer(upstreams.engine.ask(name), name));
  }
  CHECK(upstreams.engine.process().is_running());
}

TEST_CASE("replies that come twice do no harm") {
  Cache cache;
  cache.upstream.set("duplicate");
  for (int i = 0; i < 20; ++i) {
    const std::string name = "name" + std::to_string(i) + ".example";
    CHECK(is_true_answer(cache.ask(name), name));
  }
}

TEST_CASE("a truncated answer is fetched over TCP") {
  Cache cache;
  cache.upstream.set("text=3000");
  const auto over_udp = cache.ask("text.example", type_txt);
  REQUIRE(over_udp);
  CHECK(over_udp->has(flag_tc));
  const auto over_tcp = cache.ask_tcp(query("text.example", type_txt));
  REQUIRE(over_tcp);
  CHECK(over_tcp->answers.at(0).text.size() == 3000);
  CHECK(cache.upstream.counts().udp >= 1);
  CHECK(cache.upstream.counts().tcp >= 1);
  CHECK(cache.misses() == 1);
  cache.upstream.set("truncate");
  CHECK(is_true_answer(cache.ask("www.example.com"), "www.example.com"));
}

TEST_CASE("a TCP answer may come in single bytes") {
  Cache cache;
  cache.upstream.set("truncate tcp-split=1");
  CHECK(is_true_answer(cache.ask("www.example.com"), "www.example.com"));
}

TEST_CASE("an upstream that breaks TCP off is passed over") {
  TwoUpstreams upstreams;
  const std::string kind =
      GENERATE("tcp-close-after=0", "tcp-silent", "tcp-wrong-length tcp-close-after=1");
  INFO(kind);
  upstreams.first.set("truncate " + kind);
  CHECK(is_true_answer(upstreams.engine.ask("www.example.com"), "www.example.com"));
}

TEST_CASE("an upstream can be asked over TCP alone") {
  TestUpstream upstream;
  Engine engine(with_config(upstreams_line({"tcp://" + upstream.address().to_text()})));
  const std::string kind = GENERATE("answer", "tcp-split=1", "tcp-reverse", "tcp-close-after=1");
  INFO(kind);
  upstream.set(kind);
  for (int i = 0; i < 5; ++i) {
    const std::string name = "name" + std::to_string(i) + ".example";
    CHECK(is_true_answer(engine.ask(name), name));
  }
  CHECK(upstream.counts().udp == 0);
}

TEST_CASE("TCP answers out of order reach the right clients") {
  TestUpstream upstream;
  Engine engine(with_config(upstreams_line({"tcp://" + upstream.address().to_text()})));
  REQUIRE(engine.ask("first.example"));
  upstream.set("tcp-reverse");
  std::vector<std::unique_ptr<UdpClient>> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(std::make_unique<UdpClient>(engine.address()));
    clients.back()->send(query("name" + std::to_string(i) + ".example"));
  }
  for (std::size_t i = 0; i < clients.size(); ++i) {
    CHECK(is_true_answer(clients[i]->receive_message(), "name" + std::to_string(i) + ".example"));
  }
}

TEST_CASE("a silent first upstream is not waited for again") {
  TwoUpstreams upstreams;
  upstreams.first.set("drop");
  for (int i = 0; i < 40; ++i) {
    const std::string name = "name" + std::to_string(i) + ".example";
    CHECK(is_true_answer(upstreams.engine.ask(name), name));
  }
  CHECK(upstreams.first.count() < 20);
  const auto status = nlohmann::json::parse(upstreams.engine.control(R"({"command":"status"})"));
  const auto& first = status.at("groups").at(0).at("upstreams").at(0);
  CHECK(first.at("timeouts").get<int>() >= 1);
  CHECK((first.at("state") == "suspect" || first.at("state") == "down"));
}

TEST_CASE("an upstream that answers again is used again") {
  TwoUpstreams upstreams;
  upstreams.first.set("drop");
  for (int i = 0; i < 5; ++i) {
    CHECK(upstreams.engine.ask("before" + std::to_string(i) + ".example"));
  }
  upstreams.first.set("answer");
  upstreams.first.reset_counts();
  upstreams.second.set("drop");
  int number = 0;
  CHECK(eventually(
      [&] {
        const std::string name = "after" + std::to_string(number++) + ".example";
        return is_true_answer(upstreams.engine.ask(name), name) && upstreams.first.count(name) == 1;
      },
      milliseconds(30000)));
}

TEST_CASE("an upstream that fails is passed over") {
  TwoUpstreams upstreams;
  const std::string kind = GENERATE("servfail", "refused", "notimp", "formerr");
  INFO(kind);
  upstreams.first.set(kind);
  for (int i = 0; i < 5; ++i) {
    const std::string name = "name" + std::to_string(i) + ".example";
    CHECK(is_true_answer(upstreams.engine.ask(name), name));
  }
}

TEST_CASE("a failure is told when every upstream has it") {
  TwoUpstreams upstreams;
  upstreams.first.set("servfail");
  upstreams.second.set("servfail");
  const auto reply = upstreams.engine.ask("www.example.com");
  REQUIRE(reply);
  CHECK(reply->rcode == servfail);
}

TEST_CASE("NXDOMAIN is an answer, the next upstream is not asked for another") {
  TwoUpstreams upstreams;
  REQUIRE(upstreams.engine.ask("first.example"));
  upstreams.first.set("nxdomain");
  upstreams.second.set("nxdomain");
  upstreams.second.reset_counts();
  CHECK(upstreams.engine.ask("nothing.example")->rcode == nxdomain);
  CHECK(upstreams.engine.ask("nothing.example")->rcode == nxdomain);
  CHECK(upstreams.first.count("nothing.example") <= 2);  // once more in lower case
  CHECK(upstreams.second.count("nothing.example") == 0);
}

TEST_CASE("an upstream without EDNS is asked without it") {
  Cache cache;
  cache.upstream.set("no-edns");
  for (int i = 0; i < 3; ++i) {
    const std::string name = "name" + std::to_string(i) + ".example";
    CHECK(is_true_answer(cache.ask(query_with_edns(name)), name));
  }
}

TEST_CASE("a lost packet is sent again when there is no other upstream") {
  Cache cache;
  REQUIRE(cache.ask("first.example"));
  cache.upstream.set("drop-first=1");
  CHECK(is_true_answer(cache.ask("www.example.com"), "www.example.com"));
}

TEST_CASE("an upstream whose port is closed is passed over") {
  TestUpstream second;
  const Address closed{"127.0.0.1", free_port()};
  Engine engine(with_config(upstreams_line({closed.to_text(), second.address().to_text()}) +
                            "policy: ordered\n"));
  for (int i = 0; i < 3; ++i) {
    const std::string name = "name" + std::to_string(i) + ".example";
    CHECK(is_true_answer(engine.ask(name), name));
  }
}

TEST_CASE("without any upstream that answers the client gets SERVFAIL, and says why") {
  Cache cache("timeout: 1s\n");
  cache.upstream.set("drop");
  const auto reply = cache.ask(query_with_edns("www.example.com"));
  REQUIRE(reply);
  CHECK(reply->rcode == servfail);
  const auto codes = reply->option_codes();
  CHECK(std::count(codes.begin(), codes.end(), 15) == 1);  // an extended error, RFC 8914
}

TEST_CASE("expired data is used while no upstream answers") {  // RFC 8767
  Cache cache("timeout: 1500ms\ncache: {prefetch: false, serve_stale: {after: 300ms}}\n");
  cache.upstream.set("ttl=1");
  REQUIRE(cache.ask("www.example.com"));
  sleep_for(milliseconds(1200));
  cache.upstream.set("drop");
  const auto reply = cache.ask(query_with_edns("www.example.com"));
  REQUIRE(is_true_answer(reply, "www.example.com"));
  CHECK(reply->answers.at(0).ttl == 30);
  CHECK(reply->option_codes() == std::vector<std::uint16_t>{15});
  CHECK(cache.status().at("queries").at("stale").get<int>() >= 1);
}

TEST_CASE("names of a zone go to their own upstreams") {
  TestUpstream internet;
  TestUpstream office;
  Engine engine(with_config(
      upstreams_line({&internet}) + "routes:\n  - zone: corp.example\n    upstreams: [\"" +
      office.address().to_text() + "\"]\n  - zone: blocked.example\n    upstreams: []\n"));
  CHECK(is_true_answer(engine.ask("www.corp.example"), "www.corp.example"));
  CHECK(is_true_answer(engine.ask("corp.example"), "corp.example"));
  CHECK(is_true_answer(engine.ask("notcorp.example"), "notcorp.example"));
  CHECK(office.names().size() == 2);
  CHECK(internet.count("notcorp.example") >= 1);
  CHECK(internet.count("corp.example") == 0);
  CHECK(engine.ask("www.blocked.example")->rcode == nxdomain);
}

TEST_CASE("an upstream may have an IPv6 address") {
  TestUpstream upstream({.listen = {{"::1", 0}}});
  Engine engine(with_config(upstreams_line({&upstream})));
  CHECK(is_true_answer(engine.ask("www.example.com"), "www.example.com"));
}

TEST_CASE("an alias that leads out of a route is followed at the other servers") {
  TestUpstream corp, internet;
  corp.set("www.corp.example", "alias=x.cdn.example");
  Engine engine(with_config(upstreams_line({&internet}) +
                            "routes: [{zone: corp.example, upstreams: [\"" +
                            corp.address().to_text() + "\"]}]\n"));
  const auto answer = engine.ask("www.corp.example");
  REQUIRE(answer);
  CHECK(answer->texts(type_cname) == std::vector<std::string>{"x.cdn.example"});
  CHECK(answer->texts(type_a) == engine.ask("x.cdn.example")->texts(type_a));
  CHECK(internet.count("x.cdn.example") == 1);
  CHECK(internet.count("www.corp.example") == 0);
}

namespace {

void ip(const std::string& arguments) {
  const std::string command = "ip " + arguments;
  CAPTURE(command);
  REQUIRE(std::system(command.c_str()) == 0);
}

void make_interface(const std::string& name) {
  ip("link add " + name + " type veth peer name " + name + "p");
  ip("link set " + name + "p up");
  ip("link set " + name + " up");
  ip("address add fe80::53/64 dev " + name + " nodad");
}

}  // namespace

TEST_CASE("a link-local upstream's interface may come later, and be made anew") {
  if (!namespaces_permitted()) {
    WARN("SKIPPED: namespaces are not permitted here");
    return;
  }
  in_namespace({}, [] {
    TestUpstream upstream({.listen = {{"::", 5300}}});
    const std::string protocol = GENERATE("", "tcp://");
    Engine engine(with_config("upstreams: [\"" + protocol + "[fe80::53%late0]:5300\"]\n"));
    unsigned number = 0;
    const auto answers = [&] {  // a failure is remembered for a moment
      const std::string name = "name" + std::to_string(++number) + ".example";
      return is_true_answer(engine.ask(name), name);
    };
    CHECK_FALSE(answers());
    make_interface("late0");
    CHECK(eventually(answers));
    ip("link delete late0");
    make_interface("other0");  // takes the index after the last one
    make_interface("late0");
    CHECK(eventually(answers));
  });
}
