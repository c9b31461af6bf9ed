// dnscachectl monitor against a running engine.
#include "tests/support/json_schema.hpp"
#include "tests/system/fixture.hpp"

using namespace dnscache::test;
using Catch::Matchers::Contains;

namespace {

/// `dnscachectl monitor` that has begun to watch.
struct Watching {
  Process process;

  Watching(const Cache& cache, std::vector<std::string> words)
      : process(command_of(cache, std::move(words))) {
    // It has begun when it shows the first of these.
    REQUIRE(eventually([&] {
      cache.ask("begin.example");
      return !process.output().empty();
    }));
  }

  static std::vector<std::string> command_of(const Cache& cache, std::vector<std::string> words) {
    words.insert(words.begin(),
                 {DNSCACHECTL_PATH, "--control", cache.engine.control_path().string(), "monitor"});
    return words;
  }

  bool shows(const std::string& text) {
    return eventually([&] { return process.output().find(text) != std::string::npos; });
  }
};

}  // namespace

TEST_CASE("monitor shows queries and where their answers come from") {
  const Cache cache;
  Watching watching(cache, {});
  cache.ask("www.example.com");
  cache.ask("www.example.com");
  CHECK(watching.shows("127.0.0.1:"));
  CHECK(watching.shows("  www.example.com A  NOERROR  upstream " +
                       cache.upstream.address().to_text() + "  "));
  CHECK(watching.shows("  www.example.com A  NOERROR  cache\n"));
}

TEST_CASE("monitor shows what was asked for") {
  Cache cache;
  Watching watching(cache, {"--zone", "example"});
  cache.ask("www.other.test");
  cache.ask("other.org");
  cache.ask("last.example");
  CHECK(watching.shows("last.example A"));
  CHECK_THAT(watching.process.output(), !Contains("other"));
}

TEST_CASE("monitor prints JSON for programs, and its client's address") {
  const Cache cache;
  Watching watching(cache, {"--json", "--client", "127.0.0.1"});
  const auto output = watching.process.output();
  const auto line = output.substr(0, output.find('\n'));
  CHECK(schema_problems("monitor", line) == "");
  const auto query = nlohmann::json::parse(line);
  CHECK(query.at("name") == "begin.example");
  CHECK(query.at("rcode") == "NOERROR");
  CHECK(query.at("time").get<double>() > 1.7e9);
}

TEST_CASE("monitor shows failures alone, and the engine goes on when it is gone") {
  Cache cache;
  cache.upstream.set("begin.example", "servfail");
  {
    Watching watching(cache, {"--failed"});
    cache.ask("www.example.com");
    cache.ask("begin.example");
    CHECK_THAT(watching.process.output(), !Contains("www.example.com"));
  }
  CHECK(cache.ask("www.example.com"));
  CHECK(run_command(cache.engine, {"monitor", "--zone", "a..b"}).status == 2);
  CHECK(run_command(cache.engine, {"monitor", "--client", "x"}).status == 2);
}
