// What the engine tells monitoring systems, over HTTP.
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "tests/system/fixture.hpp"

using namespace dnscache::test;

namespace {

/// An engine with metrics.
struct MeteredCache : Cache {
  explicit MeteredCache(std::uint16_t port = free_port())
      : Cache("metrics: {listen: \"127.0.0.1:" + std::to_string(port) + "\"}\n") {
    metrics.port = port;
  }
  Address metrics;
};

/// Everything that comes back for `request` until the server closes.
std::string http(const Address& server, const std::string& request) {
  sockaddr_storage storage{};
  const auto length = server.to_sockaddr(storage);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(connect(fd, reinterpret_cast<const sockaddr*>(&storage), length) == 0);
  REQUIRE(send(fd, request.data(), request.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(request.size()));
  std::string reply;
  char part[4096];
  for (ssize_t got = 0; (got = recv(fd, part, sizeof part, 0)) > 0;) {
    reply.append(part, static_cast<std::size_t>(got));
  }
  close(fd);
  return reply;
}

std::string get(const Address& server, const std::string& more = "") {
  return http(server, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + more + "\r\n");
}

/// Every sample of the text form: name with labels, and value.
std::map<std::string, double> samples(const std::string& reply) {
  std::map<std::string, double> result;
  std::istringstream lines(reply.substr(reply.find("\r\n\r\n") + 4));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    const auto blank = line.rfind(' ');
    INFO(line);
    REQUIRE(blank != std::string::npos);
    CHECK(result.emplace(line.substr(0, blank), std::stod(line.substr(blank + 1))).second);
  }
  return result;
}

}  // namespace

TEST_CASE("metrics count what was asked and what became of it") {
  MeteredCache cache;
  const Address& server = cache.metrics;
  REQUIRE(cache.ask("www.example.com"));
  REQUIRE(cache.ask("www.example.com"));
  REQUIRE(cache.ask_tcp(query("www.example.com")));
  const auto reply = get(server);
  CHECK(reply.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(reply.find("text/plain; version=0.0.4") != std::string::npos);
  auto metrics = samples(reply);
  const std::string upstream =
      "{zone=\".\",upstream=\"" + cache.upstream.address().to_text() + "\",protocol=\"udp\"";
  const auto queries = cache.status().at("queries");
  CHECK(metrics.at("dnscachectl_queries_total{transport=\"udp\"}") == queries.at("udp"));
  CHECK(metrics.at("dnscachectl_queries_total{transport=\"tcp\"}") == 1);
  CHECK(metrics.at("dnscachectl_results_total{result=\"hit\"}") == 2);
  CHECK(metrics.at("dnscachectl_results_total{result=\"miss\"}") == 1);
  CHECK(metrics.at("dnscachectl_resolve_seconds_count") == 1);
  CHECK(metrics.at("dnscachectl_resolved_answers_total{type=\"A\",rcode=\"NOERROR\"}") == 1);
  CHECK(metrics.at("dnscachectl_lookups_failing") == 0);
  CHECK(metrics.at("dnscachectl_reloads_total{result=\"ok\"}") == 0);
  CHECK(metrics.at("dnscachectl_reloads_total{result=\"failed\"}") == 0);
  CHECK(metrics.at("dnscachectl_cache_entries") == 1);
  CHECK(metrics.at("dnscachectl_cache_bytes") > 0);
  CHECK(metrics.at("dnscachectl_upstream_up" + upstream + "}") == 1);
  const double answered = metrics.at("dnscachectl_upstream_answered_total" + upstream + "}");
  CHECK(answered >= 1);
  CHECK(metrics.at("dnscachectl_upstream_rtt_seconds_count" + upstream + "}") == answered);
  CHECK(metrics.at("dnscachectl_upstream_rtt_seconds_sum" + upstream + "}") > 0);
  CHECK(metrics.at("dnscachectl_upstream_rtt_seconds_bucket" + upstream + ",le=\"+Inf\"}") ==
        answered);
}

TEST_CASE("the manual describes every metric") {
  MeteredCache cache;
  REQUIRE(cache.ask("www.example.com"));
  std::set<std::string> described;
  std::ifstream manual(DNSCACHE_SOURCE_DIR "/man/dnscachectl.yaml.5");
  for (std::string line; std::getline(manual, line);) {
    if (line.starts_with(".It Li ")) described.insert(line.substr(7));
  }
  for (const auto& [sample, value] : samples(get(cache.metrics))) {
    auto name = sample.substr(0, sample.find('{'));
    for (const char* suffix : {"_bucket", "_sum", "_count"}) {
      if (name.ends_with(suffix)) name.resize(name.size() - std::strlen(suffix));
    }
    INFO(name);
    CHECK(described.contains(name.substr(std::strlen("dnscachectl_"))));
  }
}

TEST_CASE("the buckets of a round-trip time histogram never fall") {
  MeteredCache cache;
  cache.upstream.set("delay=3");
  for (int i = 0; i < 20; ++i) REQUIRE(cache.ask("n" + std::to_string(i) + ".example"));
  std::istringstream lines(get(cache.metrics));
  double last = 0;
  int buckets = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("dnscachectl_upstream_rtt_seconds_bucket")) continue;
    const double count = std::stod(line.substr(line.rfind(' ')));
    CHECK(count >= last);
    if (line.find("le=\"0.002048\"") != std::string::npos) CHECK(count == 0);
    last = count;
    ++buckets;
  }
  CHECK(buckets == 17);
  CHECK(last >= 20);
}

TEST_CASE("who asks for OpenMetrics gets it") {
  MeteredCache cache;
  const auto reply =
      get(cache.metrics, "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n");
  CHECK(reply.find("Content-Type: application/openmetrics-text; version=1.0.0") !=
        std::string::npos);
  CHECK(reply.ends_with("# EOF\n"));
  CHECK(reply.find("# TYPE dnscachectl_queries counter\n") != std::string::npos);
  CHECK(reply.find("\ndnscachectl_queries_total{") != std::string::npos);
}

TEST_CASE("what is no request for the metrics is refused in HTTP") {
  MeteredCache cache;
  const Address& server = cache.metrics;
  CHECK(http(server, "GET /other HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
  CHECK(http(server, "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
  CHECK(http(server, "\r\n\r\n").starts_with("HTTP/1.1 400 "));
  CHECK(http(server, std::string(20000, 'x')).empty());
  const auto head = http(server, "HEAD /metrics HTTP/1.1\r\n\r\n");
  CHECK(head.starts_with("HTTP/1.1 200 "));
  CHECK(head.ends_with("\r\n\r\n"));
  CHECK(get(server).starts_with("HTTP/1.1 200 "));
}

TEST_CASE("the metrics listener comes and goes with a reload") {
  MeteredCache cache;
  const Address& server = cache.metrics;
  REQUIRE(get(server).starts_with("HTTP/1.1 200 "));
  cache.engine.write_config(upstreams_line({&cache.upstream}));
  REQUIRE(cache.control(R"({"command":"reload"})").at("ok") == true);
  sockaddr_storage storage{};
  const auto length = server.to_sockaddr(storage);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(connect(fd, reinterpret_cast<const sockaddr*>(&storage), length) != 0);
  close(fd);
}

TEST_CASE("the metrics listener moves to another address of the same port") {
  const std::uint16_t port = free_port();
  const auto listening_on = [&](const std::string& host) {
    return "metrics: {listen: \"" + host + ':' + std::to_string(port) + "\"}\n";
  };
  Cache cache(listening_on("0.0.0.0"));
  cache.engine.write_config(upstreams_line({&cache.upstream}) + listening_on("127.0.0.1"));
  REQUIRE(cache.control(R"({"command":"reload"})").at("ok") == true);
  CHECK(get({"127.0.0.1", port}).starts_with("HTTP/1.1 200 "));
}

TEST_CASE("a reload that fails leaves the metrics where they were") {
  TestUpstream taken;
  MeteredCache cache;
  std::ofstream(cache.engine.config_path())
      << upstreams_line({&cache.upstream}) << "listen: [\"" << taken.address().to_text()
      << "\"]\nmetrics: {listen: \"127.0.0.1:" << free_port() << "\"}\n";
  const auto reply = cache.control(R"({"command":"reload"})");
  CHECK(reply.at("error").get<std::string>().starts_with("cannot listen on"));
  CHECK(get(cache.metrics).starts_with("HTTP/1.1 200 "));
}

TEST_CASE("a metrics address in use is one line, and a reload keeps the old configuration") {
  TestUpstream taken;  // listens on TCP as well
  Cache cache;
  cache.engine.write_config(upstreams_line({&cache.upstream}) + "metrics: {listen: \"" +
                            taken.address().to_text() + "\"}\n");
  const auto reply = cache.control(R"({"command":"reload"})");
  CHECK(reply.at("ok") == false);
  CHECK(reply.at("error").get<std::string>().find("metrics: cannot listen on") == 0);
  CHECK(is_true_answer(cache.ask("www.example.com"), "www.example.com"));
}
