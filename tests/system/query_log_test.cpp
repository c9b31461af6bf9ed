// One line for each query, in a file or on standard error.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/support/json_schema.hpp"
#include "tests/system/fixture.hpp"

using namespace dnscache::test;

namespace {

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// An engine that logs queries into a file.
struct LoggingCache {
  explicit LoggingCache(const std::string& level, const std::string& format = "text")
      : settings("query_log: {level: " + level + ", format: " + format +
                 ", file: " + file().string() + "}\n"),
        cache(settings) {}
  std::filesystem::path file() const { return directory.path() / "queries.log"; }
  bool is_logged(const std::string& text) const {
    return eventually([&] { return content_of(file()).find(text) != std::string::npos; });
  }

  TempDir directory;
  std::string settings;
  Cache cache;
};

}  // namespace

TEST_CASE("every query has its line, with what became of it") {
  LoggingCache logging("all");
  const Cache& cache = logging.cache;
  REQUIRE(cache.ask("www.example.com"));
  REQUIRE(cache.ask("www.example.com"));
  REQUIRE(cache.ask_tcp(query("www.example.com")));
  REQUIRE(cache.ask_tcp(query("over-tcp.example.com", type_aaaa)));
  REQUIRE(cache.ask("localhost"));
  logging.cache.upstream.set("nxdomain");
  REQUIRE(cache.ask("missing.example.com"));
  CHECK(logging.is_logged(" udp www.example.com A NOERROR upstream "));
  CHECK(logging.is_logged("ms server=" + cache.upstream.address().to_text() + "\n"));
  CHECK(logging.is_logged(" udp www.example.com A NOERROR cache\n"));
  CHECK(logging.is_logged(" tcp www.example.com A NOERROR cache\n"));
  CHECK(logging.is_logged(" tcp over-tcp.example.com AAAA NOERROR upstream "));
  CHECK(logging.is_logged(" udp localhost A NOERROR local\n"));
  CHECK(logging.is_logged(" udp missing.example.com A NXDOMAIN upstream "));
  CHECK(logging.is_logged(" 127.0.0.1:"));
}

TEST_CASE("the query log has JSON for programs, and a reload switches it") {
  LoggingCache logging("all", "json");
  REQUIRE(logging.cache.ask("www.example.com"));
  REQUIRE(logging.is_logged("\"www.example.com\""));
  const auto lines = content_of(logging.file());
  const auto begin = lines.rfind('\n', lines.find("\"www.example.com\"")) + 1;
  const auto line = lines.substr(begin, lines.find('\n', begin) - begin);
  CHECK(schema_problems("monitor", line) == "");
  const auto query = nlohmann::json::parse(line);
  CHECK(query.at("name") == "www.example.com");
  CHECK(query.at("origin") == "upstream");
  CHECK(query.at("upstream") == logging.cache.upstream.address().to_text());

  logging.cache.engine.write_config(upstreams_line({&logging.cache.upstream}) +
                                    "query_log: {level: all, file: " + logging.file().string() +
                                    "}\n");
  REQUIRE(logging.cache.control(R"({"command":"reload"})").at("ok") == true);
  REQUIRE(logging.cache.ask("www.example.com"));
  CHECK(logging.is_logged(" udp www.example.com A NOERROR cache\n"));
}

TEST_CASE("only failures are logged where only they are wanted") {
  LoggingCache logging("errors");
  REQUIRE(logging.cache.ask("www.example.com"));
  logging.cache.upstream.set("servfail");
  REQUIRE(logging.cache.ask("broken.example.com"));
  CHECK(logging.is_logged(" broken.example.com A SERVFAIL upstream "));
  CHECK(content_of(logging.file()).find("www.example.com") == std::string::npos);
}

TEST_CASE("the query log's file is opened anew on SIGHUP") {
  LoggingCache logging("all");
  REQUIRE(logging.cache.ask("before.example.com"));
  REQUIRE(logging.is_logged("before.example.com"));
  std::filesystem::rename(logging.file(), logging.directory.path() / "queries.log.1");
  REQUIRE(logging.cache.control(R"({"command":"reload"})").at("ok") == true);
  REQUIRE(logging.cache.ask("after.example.com"));
  CHECK(logging.is_logged("after.example.com"));
  CHECK(content_of(logging.file()).find("before.example.com") == std::string::npos);
}

TEST_CASE("a query log that cannot be opened is one line, and the old configuration stays") {
  Cache cache;
  cache.engine.write_config(upstreams_line({&cache.upstream}) +
                            "query_log: {level: all, file: /proc/no/such/file}\n");
  const auto reply = cache.control(R"({"command":"reload"})");
  CHECK(reply.at("ok") == false);
  CHECK(reply.at("error").get<std::string>().find("/proc/no/such/file") != std::string::npos);
  CHECK(is_true_answer(cache.ask("www.example.com"), "www.example.com"));
}

TEST_CASE("a pipe is no query log: opening it would wait for its reader") {
  Cache cache;
  TempDir directory;
  const auto pipe = directory.path() / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  cache.engine.write_config(upstreams_line({&cache.upstream}) +
                            "query_log: {level: all, file: " + pipe.string() + "}\n");
  CHECK(cache.control(R"({"command":"reload"})").at("ok") == false);
  CHECK(is_true_answer(cache.ask("www.example.com"), "www.example.com"));
}

TEST_CASE("a query log that nobody can keep up with stops no lookup") {
  LoggingCache logging("all");
  REQUIRE(logging.cache.ask("www.example.com"));
  UdpClient client(logging.cache.engine.address());
  int answered = 0;
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 100; ++i) client.send(query("www.example.com"));
    while (answered < (round + 1) * 100 && client.receive(milliseconds(1000))) ++answered;
  }
  CHECK(answered == 10000);
}

TEST_CASE("a packet without a question is not logged under another client's") {
  LoggingCache logging("all");
  REQUIRE(logging.cache.ask("secret.example.com"));
  REQUIRE(logging.is_logged("secret.example.com"));
  Bytes none = encode(query("secret.example.com"));
  none.resize(12);
  none[5] = 0;  // no question
  Bytes cut = encode(query(std::string(62, 'a') + ".example"));
  cut.resize(12 + 63);
  UdpClient client(logging.cache.engine.address());
  for (const Bytes& packet : {none, cut}) {
    client.send(packet);
    REQUIRE(client.receive(milliseconds(3000)));
  }
  CHECK(logging.is_logged(" udp - - FORMERR malformed\n"));
  const std::string log = content_of(logging.file());
  CHECK(log.find("secret") == log.rfind("secret"));
}

TEST_CASE("an EDNS version that is not known is an error in the log") {
  LoggingCache logging("errors");
  Bytes packet = encode(query("www.example.com"));
  packet[11] = 1;  // one additional record: OPT of version 1
  packet.insert(packet.end(), {0, 0, 41, 4, 208, 0, 1, 0, 0, 0, 0});
  UdpClient client(logging.cache.engine.address());
  client.send(packet);
  REQUIRE(client.receive(milliseconds(3000)));
  CHECK(logging.is_logged(" udp www.example.com A BADVERS malformed\n"));
}
