// dnscachectl status against a running engine: its verdict, and that it does not measure itself.
#include <fstream>

#include "tests/support/json_schema.hpp"
#include "tests/system/fixture.hpp"

using namespace dnscache::test;
using nlohmann::json;

namespace {

json status_of(const Engine& engine) {
  return json::parse(run_command(engine, {"status", "--json"}).output);
}

}  // namespace

TEST_CASE("status neither counts as a query nor fills the cache") {
  const Cache cache;
  cache.ask("www.example.com");
  const auto before = cache.status();
  for (int i = 0; i < 3; ++i) CHECK(run_command(cache.engine, {"status"}).status == 0);
  const auto after = cache.status();
  CHECK(after.at("queries") == before.at("queries"));
  CHECK(after.at("cache").at("entries") == before.at("cache").at("entries"));
}

TEST_CASE("status asks the upstreams something that they have answered before") {
  const Cache cache;
  CHECK(status_of(cache.engine).at("upstreams").at("question") == ". NS");
  cache.ask("intranet.example");
  const auto told = status_of(cache.engine);
  CHECK(told.at("verdict") == "ok");
  CHECK(told.at("upstreams").at("question") == "intranet.example A");
  CHECK(told.at("upstreams").at("upstream") == cache.upstream.address().to_text());
}

TEST_CASE("status is degraded while no upstream answers, whatever is cached") {
  Cache cache;
  cache.ask("www.example.com");
  cache.upstream.set("drop");
  const auto silent = run_command(cache.engine, {"status"});
  CHECK(silent.status == 5);
  CHECK(silent.output.starts_with("status   degraded: no upstream answers"));
  cache.upstream.set("refused");
  const auto refusing = run_command(cache.engine, {"status"});
  CHECK(refusing.status == 5);
  CHECK(refusing.output.find("answer . NS with REFUSED") != std::string::npos);
  cache.upstream.set("answer");
  CHECK(run_command(cache.engine, {"status"}).status == 0);
}

TEST_CASE("an upstream that refuses the root and answers for other names is well") {
  Cache cache;
  cache.upstream.set("refused");
  cache.upstream.set("example.com", "answer");
  const auto told = status_of(cache.engine);
  CHECK(told.at("verdict") == "ok");
  CHECK(told.at("upstreams").at("question") == "example.com A");
}

TEST_CASE("status is degraded while an old configuration is in force") {
  Cache cache;
  std::ofstream(cache.engine.config_path(), std::ios::app) << "no_such_key: 1\n";
  CHECK(run_command(cache.engine, {"reload"}).status == 5);
  const auto status = run_command(cache.engine, {"status"});
  CHECK(status.status == 5);
  CHECK(status.output.starts_with("status   degraded: the configuration has a mistake"));
}

TEST_CASE("status is failing while the engine hangs, and stopped when it is gone") {
  Cache cache;
  cache.engine.process().signal(SIGSTOP);
  const auto hanging = run_command(cache.engine, {"status"});
  CHECK(hanging.status == 8);
  CHECK(hanging.output.starts_with("status   failing: "));
  cache.engine.process().signal(SIGCONT);
  cache.engine.process().signal(SIGKILL);
  cache.engine.process().wait();
  const auto gone = run_command(cache.engine, {"status"});
  CHECK(gone.status == 3);
  CHECK(gone.output.starts_with("status   stopped: "));
}

TEST_CASE("status --watch --json prints a line each second") {
  const Cache cache;
  Process watching({DNSCACHECTL_PATH, "--control", cache.engine.control_path().string(), "status",
                    "--watch", "--json"});
  const auto lines = [&] {
    const auto output = watching.output();
    return std::ranges::count(output, '\n');
  };
  CHECK(eventually([&] { return lines() >= 2; }, milliseconds(5000)));
  watching.signal(SIGTERM);
  watching.wait();
  const auto output = watching.output();
  const auto first = output.substr(0, output.find('\n'));
  CHECK(schema_problems("status", first) == "");
}
