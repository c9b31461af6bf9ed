// dnscachectl cache list, get, flush, dump and load against a running engine; its snapshot.
#include <sstream>
#include <thread>

#include "tests/system/fixture.hpp"

using namespace dnscache::test;
using nlohmann::json;

namespace {

/// What one run of the program printed.
struct Run {
  int status;
  std::string out, err;

  json parsed() const { return json::parse(out); }
};

Run run(const Engine& engine, std::vector<std::string> words) {
  words.insert(words.begin(), {DNSCACHECTL_PATH, "--control", engine.control_path().string()});
  Process process(std::move(words));
  const auto status = process.wait();
  return {status.value_or(-1), process.output(), process.errors()};
}

bool is_one_line(const std::string& text) {
  return !text.empty() && text.find('\n') == text.size() - 1;
}

std::vector<std::string> names_of(const json& listed) {
  std::vector<std::string> names;
  for (const json& entry : listed.at("entries")) names.push_back(entry.at("name"));
  return names;
}

std::size_t entries_in(const Engine& engine) {
  return json::parse(engine.control(R"({"command":"status"})")).at("cache").at("entries");
}

/// Three names, asked once, twice and three times, and one that does not exist.
struct FilledCache : Cache {
  explicit FilledCache(const std::string& config = "") : Cache(config) {
    upstream.set("nothing.example.org", "nxdomain");
    for (int i = 0; i < 3; ++i) ask("thrice.example.com");
    for (int i = 0; i < 2; ++i) ask("twice.example.com");
    ask("once.example.org");
    ask("nothing.example.org");
  }
};

}  // namespace

TEST_CASE("cache dump --text writes a zone file") {
  const FilledCache cache;
  const auto text = run(cache.engine, {"cache", "dump", "--text", "-"}).out;
  CHECK(text.find("once.example.org. ") != std::string::npos);
  CHECK(text.find(" IN A " + address_of("once.example.org") + "\n") != std::string::npos);
  CHECK(text.find("; nothing.example.org A: NXDOMAIN") != std::string::npos);
}

TEST_CASE("flush takes one type of a name") {
  const FilledCache cache;
  cache.ask("once.example.org", type_aaaa);
  CHECK(run(cache.engine, {"flush", "once.example.org", "AAAA"}).out == "1 answer flushed\n");
  CHECK(run(cache.engine, {"cache", "get", "once.example.org", "A"}).status == 0);
  CHECK(run(cache.engine, {"flush", "once.example.org", "NONE"}).status == 2);
}

TEST_CASE("cache list shows what is asked for most, of a zone and as many as wanted") {
  const FilledCache cache;
  const auto all = run(cache.engine, {"cache", "list", "--json"}).parsed();
  CHECK(all.at("total") == 4);
  REQUIRE(names_of(all).size() == 4);
  CHECK(names_of(all)[0] == "thrice.example.com");
  CHECK(names_of(all)[1] == "twice.example.com");
  CHECK(all.at("entries")[0].at("hits") == 2);
  CHECK(all.at("entries")[0].at("negative") == false);
  CHECK(all.at("entries")[0].at("bytes").get<int>() > 40);

  const auto zone = run(cache.engine, {"cache", "list", "--zone", "Example.Org.", "--json"});
  CHECK(zone.parsed().at("total") == 2);
  const auto top = run(cache.engine, {"cache", "list", "--top", "1", "--json"}).parsed();
  CHECK(names_of(top) == std::vector<std::string>{"thrice.example.com"});
  CHECK(top.at("total") == 4);
  const auto every = run(cache.engine, {"cache", "list", "--top", "0", "--json"}).parsed();
  CHECK(names_of(every).size() == 4);

  const auto table = run(cache.engine, {"cache", "list", "--top", "2"});
  CHECK(table.status == 0);
  CHECK(table.out.find("thrice.example.com") < table.out.find("twice.example.com"));
  CHECK(table.out.find("once.example.org") == std::string::npos);
  CHECK(table.err.find("2 of 4 answers") != std::string::npos);
}

TEST_CASE("cache get shows the records, their age and who gave them") {
  const FilledCache cache;
  const auto shown = run(cache.engine, {"cache", "get", "THRICE.example.com"});
  CHECK(shown.status == 0);
  CHECK(shown.out.find("thrice.example.com A: NOERROR, TTL ") == 0);
  CHECK(shown.out.find("2 hits, from " + cache.upstream.address().to_text()) != std::string::npos);
  CHECK(shown.out.find(" A " + address_of("thrice.example.com")) != std::string::npos);
  const auto entry =
      run(cache.engine, {"cache", "get", "thrice.example.com", "a", "--json"}).parsed();
  CHECK(entry.at("entries")[0].at("from") == cache.upstream.address().to_text());
  CHECK(entry.at("entries")[0].at("records")[0].at("data") == address_of("thrice.example.com"));
  CHECK(run(cache.engine, {"cache", "get", "nothing.example.org"}).out.find("NXDOMAIN") !=
        std::string::npos);
  const auto other_type = run(cache.engine, {"cache", "get", "thrice.example.com", "AAAA"});
  CHECK(other_type.status == 1);
  CHECK(other_type.out.empty());
  CHECK(is_one_line(other_type.err));
}

TEST_CASE("cache get names the upstream of a route") {
  TestUpstream of_route;
  Cache cache("routes: [{zone: corp.example, upstreams: [\"" + of_route.address().to_text() +
              "\"]}]\n");
  cache.ask("www.corp.example");
  const auto shown = run(cache.engine, {"cache", "get", "www.corp.example", "--json"}).parsed();
  CHECK(shown.at("entries")[0].at("from") == of_route.address().to_text());
}

TEST_CASE("cache flush takes a name, a zone, the negative answers or all") {
  const FilledCache cache;
  const auto flushed = [&](const std::vector<std::string>& what) {
    std::vector<std::string> words = {"cache", "flush", "--json"};
    words.insert(words.end(), what.begin(), what.end());
    return run(cache.engine, words).parsed().at("flushed").get<int>();
  };
  CHECK(flushed({"example.com"}) == 0);  // the name alone
  CHECK(flushed({"--negative"}) == 1);
  CHECK(flushed({"twice.example.com"}) == 1);
  CHECK(flushed({"--zone", "example.com"}) == 1);
  CHECK(flushed({"--all"}) == 1);
  CHECK(entries_in(cache.engine) == 0);
}

TEST_CASE("what makes no sense for a cache command is refused in one line") {
  const Cache cache;
  const std::vector<std::vector<std::string>> commands = {
      {"cache"},
      {"cache", "list", "--top", "many"},
      {"cache", "list", "--top", "-1"},
      {"cache", "list", "--zone", "a..b"},
      {"cache", "get"},
      {"cache", "get", "a..b"},
      {"cache", "get", "example.com", "NOTYPE"},
      {"cache", "flush"},
      {"cache", "flush", "--zone", "example.com", "--all"},
      {"cache", "flush", "a..b"},
      {"cache", "dump"},
      {"cache", "load"},
  };
  for (const auto& words : commands) {
    const auto refused = run(cache.engine, words);
    INFO(words.back() << ": " << refused.err);
    CHECK(refused.status == 2);
    CHECK(refused.out.empty());
    CHECK_FALSE(refused.err.empty());
  }
  CHECK(run(cache.engine, {"cache", "dump", "/nowhere/file"}).status == 1);
  CHECK(run(cache.engine, {"cache", "load", "/nowhere/file"}).status == 1);
}

TEST_CASE("a dumped cache can be loaded into another") {
  const FilledCache from;
  const TempDir directory;
  const std::string file = (directory.path() / "dump").string();
  const auto dumped = run(from.engine, {"cache", "dump", file});
  CHECK(dumped.status == 0);
  CHECK(dumped.out == "4 answers written\n");
  const auto lines = read_text(file);
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 4);
  CHECK(run(from.engine, {"cache", "dump", "-"}).out.size() == lines.size());

  Cache to;
  to.upstream.set("drop");
  const auto loaded = run(to.engine, {"cache", "load", file});
  INFO(loaded.err);
  CHECK(loaded.status == 0);
  CHECK(loaded.out == "4 answers loaded\n");
  for (const char* name : {"thrice.example.com", "twice.example.com", "once.example.org"}) {
    CHECK(is_true_answer(to.ask(name), name));
  }
  CHECK(to.ask("nothing.example.org")->rcode == nxdomain);
  CHECK(to.misses() == 0);
  CHECK(run(to.engine, {"cache", "get", "once.example.org"}).out.find("from a file") !=
        std::string::npos);
}

TEST_CASE("what the policy answers cannot be loaded") {
  const FilledCache from;
  const TempDir directory;
  const std::string file = (directory.path() / "dump").string();
  REQUIRE(run(from.engine, {"cache", "dump", file}).status == 0);

  Cache to("local: {zones: [{zone: example.com, addresses: []}]}\n");
  const auto loaded = run(to.engine, {"cache", "load", file});
  CHECK(loaded.status == 1);
  CHECK(loaded.out == "2 answers loaded\n");
  CHECK(loaded.err.find("answered locally") != std::string::npos);
  CHECK(to.ask("once.example.com")->rcode == nxdomain);
}

TEST_CASE("lines of a dump that no upstream could have answered are refused, the others kept") {
  const FilledCache from;
  const TempDir directory;
  std::istringstream dump(run(from.engine, {"cache", "dump", "-"}).out);
  json good = {{"rcode", -1}};
  // The lines come in any order; what denies a name is not to be told of another.
  for (std::string line; std::getline(dump, line) && good.at("rcode") != 0;) {
    good = json::parse(line);
  }
  REQUIRE(good.at("rcode") == 0);
  good["name"] = "www.example.net";
  std::string text = good.dump() + "\n\n";
  const auto add = [&](const char* member, const json& value) {
    json bad = good;
    bad["name"] = "bad.example.net";
    bad[member] = value;
    text += bad.dump() + '\n';
  };
  add("records", "c00c0001");             // cut off
  add("records", "zz");                   // no hexadecimal
  add("counts", json::array({2, 0, 0}));  // a record too few
  add("name", "localhost");               // answered locally
  add("name", "a..b");
  add("type", "NOTYPE");
  add("type", 1);
  add("rcode", 2);  // a failure
  add("rcode", 70000);
  add("stored_at", 4'000'000'000u);  // in the future
  add("ttl", "long");
  text += "{\"name\": \"cut off\nplain text\n[]\n" + std::string("\x01\xff\xfe\n");
  const int bad_lines = 11 + 4;
  const std::string file = directory.write("dump", text);

  Cache to;
  const auto loaded = run(to.engine, {"cache", "load", file});
  INFO(loaded.err);
  CHECK(loaded.status == 1);
  CHECK(loaded.out == "1 answer loaded\n");
  CHECK(loaded.err.find(file + ":3: ") != std::string::npos);
  CHECK(loaded.err.find(std::to_string(bad_lines) + " lines of " + file + " refused") !=
        std::string::npos);
  CHECK(entries_in(to.engine) == 1);
}

TEST_CASE("the snapshot brings the cache back after a restart, but not for other upstreams") {
  const TempDir directory;
  const std::string file = (directory.path() / "snapshot").string();
  TestUpstream upstream, other;
  const std::string persist = "cache: {persist: \"" + file + "\"}\n";
  const auto stop = [](Engine& engine) {
    engine.process().signal(SIGTERM);
    CHECK(engine.process().wait() == 0);
  };
  {
    Engine engine(with_config(upstreams_line({&upstream}) + persist));
    CHECK(is_true_answer(engine.ask("www.example.com"), "www.example.com"));
    stop(engine);
  }
  REQUIRE(std::filesystem::exists(file));
  const auto restarted = [&](TestUpstream& with) {
    Engine engine(with_config(upstreams_line({&with}) + persist));
    const std::size_t entries = entries_in(engine);
    const std::string log = engine.process().errors();
    engine.process().signal(SIGKILL);  // the file stays as it is
    engine.process().wait();
    return std::pair(entries, log);
  };
  CHECK(restarted(upstream).first == 1);
  const auto [none, why] = restarted(other);
  CHECK(none == 0);
  CHECK(why.find("holds the answers of other upstreams: starting with an empty cache\n") !=
        std::string::npos);

  const std::string whole = read_text(file);
  for (const std::string& bytes :
       {whole.substr(0, whole.size() / 2), std::string("not a snapshot"), std::string(),
        whole.substr(0, whole.size() - 20) + "x" + whole.substr(whole.size() - 19)}) {
    directory.write("snapshot", bytes);
    const auto [entries, log] = restarted(upstream);
    CHECK(entries == 0);
    CHECK(log.find("the snapshot " + file) != std::string::npos);
    CHECK(log.find("starting with an empty cache") != std::string::npos);
  }
}

TEST_CASE("the snapshot is there before any server is known") {
  const TempDir directory;
  const std::string file = (directory.path() / "snapshot").string();
  TestUpstream upstream;
  const auto end = [](Engine& engine, int signal) {
    engine.process().signal(signal);
    (void)engine.process().wait();
  };
  const std::string persist = "cache: {persist: \"" + file + "\"}\n";
  {
    Engine engine(with_config(upstreams_line({&upstream}) + persist));
    CHECK(is_true_answer(engine.ask("www.example.com"), "www.example.com"));
    end(engine, SIGTERM);
  }
  directory.write("resolv.conf", "# no network yet\n");
  Engine engine(with_config("upstreams_from: \"" + (directory.path() / "resolv.conf").string() +
                            "\"\n" + persist));
  CHECK(is_true_answer(engine.ask("www.example.com"), "www.example.com"));
  CHECK(entries_in(engine) == 1);
  // A server that the answer did not come from.
  directory.write("resolv.conf", "nameserver 192.0.2.1\n");
  for (int i = 0; i < 500 && entries_in(engine) != 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  CHECK(entries_in(engine) == 0);
  end(engine, SIGKILL);
}

TEST_CASE("failures that stale data covers are not asked for again at once") {  // RFC 9520
  Cache cache("cache: {prefetch: false}\n");
  cache.upstream.set("ttl=1");
  CHECK(is_true_answer(cache.ask("www.example.com"), "www.example.com"));
  sleep_for(milliseconds(1200));
  cache.upstream.set("servfail");
  CHECK(is_true_answer(cache.ask("www.example.com"), "www.example.com"));
  const auto asked = cache.upstream.count("www.example.com");
  for (int i = 0; i < 20; ++i) {
    CHECK(is_true_answer(cache.ask("www.example.com"), "www.example.com"));
  }
  // Two periods may pass on a very busy machine, twenty cannot.
  CHECK(cache.upstream.count("www.example.com") < asked + 10);
  cache.upstream.set("address=192.0.2.9");
  CHECK(eventually([&] {
    const auto reply = cache.ask("www.example.com");
    return reply && reply->texts(type_a) == std::vector<std::string>{"192.0.2.9"};
  }));
}
