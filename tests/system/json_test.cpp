// Every --json output is as its schema says, and what is not an error leaves stderr empty.
#include "tests/support/json_schema.hpp"
#include "tests/system/fixture.hpp"

using namespace dnscache::test;

namespace {

/// An engine with something to tell, and the program that asks it.
struct Speaking : Cache {
  TempDir folder;

  Speaking() : Cache("routes: [{zone: gone.example, upstreams: []}]\n") {
    ask("www.example.com");
    ask("www.example.com");
    upstream.set("nothing.example.org", "nxdomain");
    ask("nothing.example.org");
  }

  std::string output_of(std::vector<std::string> words) const {
    const bool has_engine = words.front() == "--control";
    if (!has_engine) words.insert(words.begin(), {"--control", engine.control_path().string()});
    words.insert(words.begin(), DNSCACHECTL_PATH);
    Process process(std::move(words));
    process.wait(milliseconds(60000));
    return process.output();
  }
};

}  // namespace

TEST_CASE("every JSON output is as its schema says") {
  const Speaking cache;
  const auto upstream = cache.upstream.address().to_text();
  const auto root = cache.folder.path() / "root";
  std::filesystem::create_directories(root / "etc");
  const auto config = cache.engine.config_path().string();
  const auto broken = cache.folder.write("broken.yaml", "cache: {size: no}\nnonesuch: 1\n");
  const auto dnsmasq = cache.folder.write("dnsmasq.conf", "server=192.0.2.1\nnonesuch\n");
  struct Row {
    const char* schema;
    std::vector<std::string> words;
  };
  const std::vector<Row> rows = {
      {"status", {"status", "--json"}},
      {"status", {"--control", "/nonexistent/socket", "status", "--json"}},
      {"query", {"query", "www.example.com", "--json"}},
      {"query", {"query", "nothing.example.org", "--json"}},
      {"query", {"query", "x.gone.example", "--json"}},
      {"query", {"query", "-x", "192.0.2.1", "--json"}},
      {"explain", {"explain", "www.example.com", "--json"}},
      {"explain", {"explain", "fresh.example.com.", "MX", "--json"}},
      {"explain", {"explain", "x.gone.example", "--json"}},
      {"explain", {"explain", "localhost", "--json"}},
      {"explain", {"--control", "/nonexistent/socket", "explain", "localhost", "--json"}},
      {"top", {"top", "--seconds", "1", "--json"}},
      {"doctor", {"doctor", "--json"}},
      {"cache-list", {"cache", "list", "--json"}},
      {"cache-get", {"cache", "get", "www.example.com", "--json"}},
      {"cache-get", {"cache", "get", "nonesuch.example.com", "--json"}},
      {"flush", {"flush", "www.example.com", "--json"}},
      {"flush", {"cache", "flush", "--all", "--json"}},
      {"check", {"check", config, "--json"}},
      {"check", {"check", config, "--print", "--json"}},
      {"check", {"check", broken.string(), "--json"}},
      {"import", {"import", dnsmasq.string(), "--json"}},
      {"setup",
       {"--root", root.string(), "setup", "--dry-run", "--upstream", upstream, "--listen",
        "127.0.0.9", "--json"}},
      {"setup",
       {"--root", root.string(), "setup", "--explain", "--upstream", upstream, "--listen",
        "127.0.0.9", "--json"}},
      {"remove", {"--root", root.string(), "remove", "--dry-run", "--json"}},
      {"recover", {"--root", root.string(), "recover", "--json"}},
  };
  for (const auto& row : rows) {
    INFO(row.schema << ": " << row.words.at(row.words.size() - 2));
    CHECK(schema_problems(row.schema, cache.output_of(row.words)) == "");
  }
}

TEST_CASE("top counts who asks for what") {
  const Speaking cache;
  cache.output_of({"top", "--seconds", "0", "--json"});
  for (int i = 0; i < 3; ++i) cache.ask("often.example.com");
  cache.ask("nothing.example.net");
  REQUIRE(eventually(
      [&] { return cache.control(R"({"command":"top"})").at("queries").get<int>() >= 4; }));
  const auto seen = nlohmann::json::parse(cache.output_of({"top", "--seconds", "0", "--json"}));
  CHECK(seen.at("names").at(0).at("name") == "often.example.com");
  CHECK(seen.at("names").at(0).at("queries") == 3);
  CHECK(seen.at("names").at(0).at("misses") == 1);
  CHECK(seen.at("clients").at(0).at("name") == "127.0.0.1");
}

TEST_CASE("with --quiet notes are left out, not errors") {
  const Speaking cache;
  const auto errors_of = [&](std::vector<std::string> words) {
    words.insert(words.begin(),
                 {DNSCACHECTL_PATH, "--control", cache.engine.control_path().string()});
    Process process(std::move(words));
    process.wait();
    return process.errors();
  };
  CHECK(errors_of({"cache", "list", "--top", "1"}).find("of 2 answers") != std::string::npos);
  CHECK(errors_of({"--quiet", "cache", "list", "--top", "1"}).empty());
  CHECK_FALSE(errors_of({"--quiet", "cache", "get", "nonesuch.example"}).empty());
}

TEST_CASE("names in the cache are completed") {
  const Speaking cache;
  const auto words = cache.engine.control_path().string();
  Process process({DNSCACHECTL_PATH, "__complete", "--", "--control", words, "cache", "get", "w"});
  process.wait();
  CHECK(process.output().starts_with("www.example.com\t"));
}
