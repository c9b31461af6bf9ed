// dnscachectl query against a running engine.
#include "tests/system/fixture.hpp"

using namespace dnscache::test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using nlohmann::json;

TEST_CASE("query prints each record and where it comes from") {
  const Cache cache;
  const auto first = run_command(cache.engine, {"query", "www.example.com", "A"});
  CHECK(first.status == 0);
  CHECK_THAT(first.output,
             StartsWith("www.example.com. 300 A " + address_of("www.example.com") + "\n; A: from " +
                        cache.upstream.address().to_text() + ", in "));
  const auto second = run_command(cache.engine, {"query", "www.example.com", "A"});
  CHECK_THAT(second.output, Contains("; A: from the cache, ") && Contains("first from "));
  CHECK(cache.upstream.count("www.example.com") == 1);
}

TEST_CASE("query looks addresses of both families up") {
  const Cache cache;
  const auto both = run_command(cache.engine, {"query", "www.example.com"});
  CHECK_THAT(both.output, Contains("; A: ") && Contains("; AAAA: "));
}

TEST_CASE("query --short prints data and nothing else") {
  const Cache cache;
  const auto ran = run_command(cache.engine, {"query", "--short", "www.example.com", "A"});
  CHECK(ran.output == address_of("www.example.com") + "\n");
  CHECK(ran.errors.empty());
}

TEST_CASE("query names the setting that decided, with its line") {
  const Cache cache("local: {records: [\"db.example A 10.0.0.5\"]}\n");
  const auto record = run_command(cache.engine, {"query", "db.example", "A"});
  CHECK_THAT(record.output, StartsWith("db.example. ") &&
                                Contains("; A: by a record of local.records (") &&
                                Contains("config.yaml:"));
  const auto reverse = run_command(cache.engine, {"query", "--short", "-x", "10.0.0.5"});
  CHECK(reverse.output == "db.example.\n");
}

TEST_CASE("query says which list blocks a name") {
  const TempDir folder;
  const auto list = folder.write("ads.txt", "ads.example\n");
  const Cache cache("local: {block: {files: [" + list.string() + "]}}\n");
  const auto ran = run_command(cache.engine, {"query", "ads.example", "A"});
  CHECK_THAT(ran.output,
             Contains("blocked: ") && Contains("ads.txt:1") && Contains("EDE 15 (Blocked)"));
  CHECK(json::parse(run_command(cache.engine, {"query", "ads.example", "A", "--json"}).output)
            .at("results")[0]
            .at("origin") == "blocked");
}

TEST_CASE("query exits with 1 where there is nothing, and with 5 where the lookup fails") {
  Cache cache;
  cache.upstream.set("gone.example", "nxdomain");
  const auto gone = run_command(cache.engine, {"query", "gone.example"});
  CHECK(gone.status == 1);
  CHECK_THAT(gone.output, StartsWith("; A: no such name, from "));
  CHECK_THAT(gone.output, !Contains("AAAA"));
  cache.upstream.set("drop");
  const auto failed = run_command(cache.engine, {"query", "www.example.com", "A"});
  CHECK(failed.status == 5);
  CHECK_THAT(failed.output, Contains("SERVFAIL, ") && Contains("timed out") && Contains("EDE 22"));
  CHECK(run_command(cache.engine, {"query", "a..b"}).status == 2);
  CHECK(run_command(cache.engine, {"query", "a", "NONE"}).status == 2);
  CHECK(run_command(cache.engine, {"query", "-x", "a"}).status == 2);
  CHECK(run_command(cache.engine, {"query"}).status == 2);
}
