// Upstreams over TCP (RFC 7766) and TLS (RFC 7858): connections kept, lost and refused.
#include "tests/support/tls_server.hpp"
#include "tests/system/fixture.hpp"

using namespace dnscache::test;

namespace {

std::string over_tcp(const TestUpstream& upstream) {
  return "tcp://" + upstream.address().to_text();
}

std::string over_tls(const TlsServer& server, const std::string& name) {
  return "tls://" + server.address().to_text() + "#" + name;
}

std::string numbered(int number) { return "name" + std::to_string(number) + ".example"; }

/// Sends so many questions at once, and then looks at their answers.
int answered_of(const Engine& engine, int questions) {
  std::vector<std::unique_ptr<UdpClient>> clients;
  for (int i = 0; i < questions; ++i) {
    clients.push_back(std::make_unique<UdpClient>(engine.address()));
    clients.back()->send(query(numbered(i)));
  }
  int answered = 0;
  for (int i = 0; i < questions; ++i) {
    const auto& client = clients[static_cast<std::size_t>(i)];
    answered += is_true_answer(client->receive_message(), numbered(i)) ? 1 : 0;
  }
  return answered;
}

nlohmann::json first_upstream(const Engine& engine) {
  const auto status = nlohmann::json::parse(engine.control(R"({"command":"status"})"));
  return status.at("groups").at(0).at("upstreams").at(0);
}

/// A server that speaks TLS, another that speaks UDP, and an engine that prefers the first.
struct TlsFirst {
  TestCertificates certificates{"dns.example"};
  TestUpstream upstream;
  TestUpstream second;
  TlsServer server;
  Engine engine;

  explicit TlsFirst(const std::string& expected_name = "dns.example",
                    TlsServer::Kind kind = TlsServer::Kind::tls, bool is_trusted = true)
      : server(upstream.address(), certificates, kind),
        engine(options(expected_name, is_trusted)) {}

  /// At first both are asked, and the other may well be faster.
  bool has_answered_over_tls() const {
    engine.ask("first.example");
    return eventually([&] { return first_upstream(engine).at("state") == "healthy"; });
  }

  Engine::Options options(const std::string& expected_name, bool is_trusted) const {
    auto out =
        with_config(upstreams_line({over_tls(server, expected_name), second.address().to_text()}) +
                    "policy: ordered\n");
    out.environment["SSL_CERT_FILE"] = is_trusted ? certificates.authority() : "/dev/null";
    return out;
  }
};

}  // namespace

TEST_CASE("all questions to a TCP upstream share one connection") {
  TestUpstream upstream;
  Engine engine(with_config(upstreams_line({over_tcp(upstream)})));
  for (int i = 0; i < 20; ++i) CHECK(is_true_answer(engine.ask(numbered(i)), numbered(i)));
  CHECK(upstream.counts().tcp_connections == 1);
}

TEST_CASE("questions to a TCP upstream do not wait for each other") {
  TestUpstream upstream;
  Engine engine(with_config(upstreams_line({over_tcp(upstream)})));
  REQUIRE(engine.ask("first.example"));
  upstream.set("name0.example", "delay 700");
  std::vector<std::unique_ptr<UdpClient>> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(std::make_unique<UdpClient>(engine.address()));
    clients.back()->send(query(numbered(i)));
  }
  for (std::size_t i = 10; i-- > 1;) CHECK(clients[i]->receive_message());
  CHECK_FALSE(clients[0]->receive_message(milliseconds(0)));
  CHECK(is_true_answer(clients[0]->receive_message(), "name0.example"));
  CHECK(upstream.counts().tcp_connections == 1);
}

TEST_CASE("a TCP upstream that closes after each answer gets a new connection for the next") {
  TestUpstream upstream;
  Engine engine(with_config(upstreams_line({over_tcp(upstream)})));
  upstream.set("tcp-close-after=1");
  upstream.reset_counts();
  for (int i = 0; i < 5; ++i) {
    CHECK(is_true_answer(engine.ask(numbered(i)), numbered(i)));
    CHECK(upstream.counts().tcp_connections >= static_cast<std::uint64_t>(i + 1));
  }
  CHECK(first_upstream(engine).at("errors") == 0);
}

TEST_CASE("connections to a TCP upstream count against its quota") {
  TestUpstream upstream;
  Engine engine(
      with_config(upstreams_line({over_tcp(upstream)}) + "quota: {packets_per_second: 1000}\n"));
  REQUIRE(is_true_answer(engine.ask("name.example"), "name.example"));
  CHECK(first_upstream(engine).at("sent") == 1);
  CHECK(first_upstream(engine).at("packets_per_second_peak") == 2);
}

TEST_CASE("what was outstanding when a TCP upstream closed is asked again") {
  TestUpstream upstream;
  Engine engine(with_config(upstreams_line({over_tcp(upstream)})));
  REQUIRE(engine.ask("first.example"));
  upstream.set("delay 50 tcp-close-after=3");
  CHECK(answered_of(engine, 10) == 10);
}

TEST_CASE("a TCP upstream that stops answering is asked over a new connection in the end") {
  TestUpstream upstream;
  TestUpstream second;
  Engine engine(with_config(upstreams_line({over_tcp(upstream), second.address().to_text()}) +
                            "policy: ordered\n"));
  REQUIRE(engine.ask("first.example"));
  upstream.set("tcp-silent");
  CHECK(is_true_answer(engine.ask("www.example.com"), "www.example.com"));
  const auto before = upstream.counts().tcp_connections;
  int number = 0;
  CHECK(eventually(
      [&] {
        engine.ask(numbered(number++));
        return upstream.counts().tcp_connections > before;
      },
      milliseconds(60000)));
}

TEST_CASE("a TLS upstream that proves its name is asked") {
  TlsFirst servers;
  REQUIRE(servers.has_answered_over_tls());
  CHECK(answered_of(servers.engine, 10) == 10);
  CHECK(servers.upstream.counts().tcp >= 10);
  CHECK(servers.upstream.counts().udp == 0);
  CHECK(servers.server.connections() == 1);
}

TEST_CASE("a TLS upstream without a name proves its address") {
  TestCertificates certificates("dns.example");
  TestUpstream upstream;
  TlsServer server(upstream.address(), certificates);
  auto options = with_config(upstreams_line({"tls://" + server.address().to_text()}));
  options.environment["SSL_CERT_FILE"] = certificates.authority();
  Engine engine(options);
  CHECK(is_true_answer(engine.ask("www.example.com"), "www.example.com"));
}

TEST_CASE("a TLS upstream that does not prove who it is learns nothing and is passed over") {
  const bool is_trusted = GENERATE(true, false);
  TlsFirst servers(is_trusted ? "other.example" : "dns.example", TlsServer::Kind::tls, is_trusted);
  for (int i = 0; i < 3; ++i) CHECK(is_true_answer(servers.engine.ask(numbered(i)), numbered(i)));
  CHECK(servers.upstream.count() == 0);
  CHECK(eventually([&] { return first_upstream(servers.engine).contains("last_failure"); }));
  const std::string why = first_upstream(servers.engine).at("last_failure");
  CHECK(why.find(is_trusted ? "hostname mismatch" : "unable to get local issuer certificate") !=
        std::string::npos);
}

TEST_CASE("a TLS upstream that speaks something else, or nothing, is passed over") {
  const auto kind = GENERATE(TlsServer::Kind::plain, TlsServer::Kind::mute);
  TlsFirst servers("dns.example", kind);
  for (int i = 0; i < 20; ++i) CHECK(is_true_answer(servers.engine.ask(numbered(i)), numbered(i)));
  CHECK(servers.server.connections() >= 1);
  CHECK(servers.second.count() >= 20);
  CHECK(eventually([&] { return first_upstream(servers.engine).at("state") != "healthy"; }));
}

TEST_CASE("a new TLS connection takes up the session of the last one") {
  TlsFirst servers;
  REQUIRE(servers.has_answered_over_tls());
  servers.server.close_connections();
  int number = 0;
  CHECK(eventually([&] {
    servers.engine.ask(numbered(number++));
    return servers.server.connections() >= 2 && servers.server.resumed() >= 1;
  }));
}

TEST_CASE("the session of a TLS connection that was closed for being idle is taken up") {
  TlsFirst servers;
  REQUIRE(servers.has_answered_over_tls());
  sleep_for(milliseconds(11000));  // one more than a connection may be idle
  REQUIRE(is_true_answer(servers.engine.ask("other.example"), "other.example"));
  CHECK(eventually([&] { return servers.server.resumed() == 1; }));
  CHECK(servers.server.connections() == 2);
}

TEST_CASE("the engine ends cleanly while questions wait on its connections") {
  TlsFirst servers;
  REQUIRE(servers.has_answered_over_tls());
  servers.upstream.set("delay 3000");
  servers.second.set("delay 3000");
  UdpClient client(servers.engine.address());
  client.send(query("slow.example"));
  REQUIRE(eventually([&] { return servers.upstream.count("slow.example") == 1; }));
  servers.engine.process().signal(SIGTERM);
  CHECK(servers.engine.process().wait() == 0);
}
