// `bench` with the built program: its counts against what servers were really asked, what it leaves
// behind, its JSON against the schema and its page in a browser.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/support/browser.hpp"
#include "tests/support/json_schema.hpp"
#include "tests/system/fixture.hpp"

namespace dnscache::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// What a program printed and how it ended.
struct Run {
  std::optional<int> status;
  std::string output;
  std::string errors;
};

std::vector<std::string> command_line(std::vector<std::string> words) {
  words.insert(words.begin(), {DNSCACHECTL_PATH, "bench"});
  return words;
}

Run bench(std::vector<std::string> words,
          const std::map<std::string, std::string>& environment = {}) {
  Process process(command_line(std::move(words)), environment);
  const auto status = process.wait(milliseconds(90'000));
  return {status, process.output(), process.errors()};
}

Json report_of(const Run& run) {
  INFO(run.output << run.errors);
  REQUIRE(run.status == 0);
  CHECK(schema_problems("bench", run.output) == "");
  return Json::parse(run.output);
}

const Json& phase(const Json& report, const std::string& key) {
  const auto& phases = report.at("phases");
  const auto found = std::find_if(phases.begin(), phases.end(),
                                  [&](const Json& one) { return one.at("phase") == key; });
  REQUIRE(found != phases.end());
  return *found;
}

// Processes whose command line has this text, this one not included.
std::size_t processes_with(const std::string& text) {
  std::size_t count = 0;
  std::error_code error;
  for (const auto& process : fs::directory_iterator("/proc", error)) {
    const auto words = read_text(process.path() / "cmdline");
    if (words.find(text) != std::string::npos) ++count;
  }
  return count;
}

/// An engine with its upstream, and a server that is asked without the cache.
struct Machine {
  Cache cache;
  TestUpstream direct;

  std::vector<std::string> options(std::vector<std::string> words) const {
    for (const auto& word : {std::string("--servers"), direct.address().to_text(),
                             std::string("--control"), cache.engine.control_path().string()}) {
      words.push_back(word);
    }
    return words;
  }
};

// Each lookup of the warm-up comes on top.
constexpr std::size_t warm_up = 1;

TEST_CASE("bench counts what the servers count") {
  Machine machine;
  for (const auto* client : {"resolver", "wire", "getaddrinfo"}) {
    machine.direct.reset_counts();
    machine.cache.upstream.reset_counts();
    const auto misses = machine.cache.misses();
    const auto report =
        report_of(bench(machine.options({"www.example.net", "--json", "-n", "12", "--repeat", "4",
                                         "-t", "A", "--through", client})));
    INFO(client);
    CHECK(report["rounds"] == 4);
    CHECK(phase(report, "before")["lookups"] == 12);
    CHECK(phase(report, "before")["failed"] == 0);
    CHECK(machine.direct.count("www.example.net", type_a) == 12 + warm_up);
    CHECK(report["flushed"] == true);
    CHECK(phase(report, "cold")["lookups"] == 4);
    CHECK(phase(report, "cold")["passed_on"] == 4);
    CHECK(phase(report, "warm")["lookups"] == 12);
    CHECK(phase(report, "warm")["passed_on"] == 0);
    CHECK(machine.cache.misses() - misses == 4);
    CHECK(machine.cache.upstream.count("www.example.net", type_a) >= 4);
    CHECK_FALSE(report["comparison"].is_null());
  }
}

TEST_CASE("getaddrinfo asks for both families at once") {
  Machine machine;
  const auto report = report_of(
      bench(machine.options({"www.example.net", "--json", "-n", "3", "--through", "getaddrinfo"})));
  CHECK(phase(report, "before")["lookups"] == 3);
  CHECK(machine.direct.count("www.example.net", type_a) == 3 + warm_up);
  CHECK(machine.direct.count("www.example.net", type_aaaa) == 3 + warm_up);
}

TEST_CASE("bench takes names from a file, and their types") {
  Machine machine;
  const TempDir folder;
  const auto file = folder.write("names.txt", "# mine\na.example.net\nb.example.net MX # mail\n\n");
  const auto report =
      report_of(bench(machine.options({"-f", file.string(), "--json", "-n", "2", "-t", "A,TXT"})));
  CHECK(report["names"] == Json({"a.example.net", "b.example.net"}));
  CHECK(phase(report, "before")["lookups"] == 6);
  CHECK(machine.direct.count("b.example.net") == 2 + warm_up);
  CHECK(machine.direct.count("b.example.net", type_mx) == 2 + warm_up);
}

TEST_CASE("bench keeps to a duration and a pace") {
  Machine machine;
  const auto report = report_of(
      bench(machine.options({"www.example.net", "--json", "-t", "A", "-d", "1s", "-r", "20"})));
  CHECK(phase(report, "before")["planned"] == 0);
  const auto lookups = phase(report, "before")["lookups"].get<int>();
  CHECK(lookups >= 1);
  CHECK(lookups <= 25);  // 20 a second, and the first of each of five rounds at once
}

TEST_CASE("a failing cache ends bench with 1, no cache with 3") {
  Machine machine;
  machine.cache.upstream.set("servfail");
  const auto failed = bench(machine.options({"www.example.net", "-n", "2"}));
  CHECK(failed.status == 1);
  CHECK(failed.output.find("Through the cache no lookup was answered.") != std::string::npos);
  CHECK(bench({"www.example.net", "--control", "/nowhere/control.sock"}).status == 3);
  CHECK(bench(machine.options({"a.example", "--html", "/nowhere/report.html"})).status != 0);
}

TEST_CASE("wrong options of bench are told before anything is measured") {
  const TempDir folder;
  const auto bad = folder.write("bad.txt", "a.example\nb.example TXT A\n");
  const auto unsafe = folder.write("unsafe.txt", "$(true).example\n");
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"a.example", "--scenario", "quake"},
           {"a.example", "--scenario", "storm", "--count", "3"},
           {"a.example", "--scenario", "storm", "--cache", "127.0.0.1"},
           {"a.example", "--scenario", "failover", "--exec", "true"},
           {"a.example", "--count", "3", "--duration", "3"},
           {"a.example", "--duration", "soon"},
           {"a.example", "--duration", "1500ms"},
           {"a.example", "--duration", "2d"},
           {"a.example", "--limit", "0s"},
           {"a.example", "--json", "--markdown"},
           {"a.example", "--through", "getaddrinfo", "--type", "MX"},
           {"--exec", "true {}", "--file", unsafe.string()},
           {"--file", bad.string()}}) {
    const auto run = bench(words);
    INFO(run.errors);
    CHECK(run.status == 2);
    CHECK(run.output.empty());
    CHECK(std::count(run.errors.begin(), run.errors.end(), '\n') == 1);
  }
  CHECK(bench({"--file", bad.string()}).errors.find("bad.txt:2") != std::string::npos);
}

TEST_CASE("in a storm the upstream sees what the relay counts") {
  Machine machine;
  const TempDir folder;
  const auto report =
      report_of(bench(machine.options({"www.example.net", "mail.example.net", "--json",
                                       "--scenario", "storm", "-d", "2", "-r", "300"}),
                      {{"TMPDIR", folder.path().string()}}));
  const auto& storm = report.at("storm");
  CHECK(storm["packets"] == machine.direct.count());
  CHECK(machine.direct.names().size() == 2);
  CHECK(phase(report, "storm")["failed"] == 0);
  std::uint64_t lookups = 0;
  for (const auto& second : storm["lookups_each_second"]) lookups += second.get<std::uint64_t>();
  CHECK(phase(report, "storm")["lookups"] == lookups);
  CHECK(lookups > storm["packets"].get<std::uint64_t>());
  // The engine of this machine was left alone, and nothing stays.
  CHECK(machine.cache.upstream.count() == 0);
  CHECK(fs::is_empty(folder.path()));
  CHECK(processes_with(folder.path().string()) == 0);
}

TEST_CASE("the relay of a storm passes TCP on as well") {
  Machine machine;
  machine.direct.set("truncate");
  const auto report = report_of(bench(machine.options(
      {"big.example.net", "--json", "-t", "A", "--scenario", "storm", "-d", "1", "-r", "50"})));
  CHECK(phase(report, "storm")["failed"] == 0);
  CHECK(machine.direct.counts().tcp == 1);
  CHECK(report["storm"]["packets"] >= 2);
}

TEST_CASE("a silent upstream costs glibc its time-out, and the cache not an answer") {
  if (!namespaces_permitted()) {
    WARN("SKIPPED: namespaces are not permitted here");
    return;
  }
  in_namespace({}, [] {
    const TempDir folder;
    bind_mount(folder.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:2\n"),
               "/etc/resolv.conf");
    Machine machine;
    TestUpstream second;
    auto words = machine.options({"www.example.net", "--json", "--scenario", "failover", "-d", "4",
                                  "-r", "5", "-t", "A", "--servers", second.address().to_text()});
    const auto report = report_of(bench(words, {{"TMPDIR", folder.path().string()}}));
    CHECK(report["silence"]["from_seconds"] == 1);
    CHECK(report["silence"]["until_seconds"] == 3);
    CHECK(report["servers_from"] == "--servers");
    const auto& direct = phase(report, "before")["during_silence"];
    CHECK(direct["lookups"] > 0);
    CHECK(direct["failed"] == 0);
    CHECK(direct["max_ms"] >= 1000);
    for (const auto* key : {"cold", "warm"}) {
      const auto& through = phase(report, key)["during_silence"];
      INFO(key);
      CHECK(through["lookups"] > 0);
      CHECK(through["failed"] == 0);
    }
    CHECK(machine.direct.count() > 0);
    CHECK(second.count() > 0);
    CHECK(machine.cache.upstream.count() == 0);
    CHECK(processes_with(folder.path().string()) == 0);
  });
}

TEST_CASE("Ctrl-C ends a bench with what it has, and leaves nothing behind") {
  Machine machine;
  for (const auto* scenario : {"failover", "storm", "compare"}) {
    const TempDir folder;
    Process process(command_line(machine.options({"www.example.net", "--scenario", scenario, "-d",
                                                  "60", "-r", "5", "--through", "getaddrinfo"})),
                    {{"TMPDIR", folder.path().string()}});
    const auto lookups = machine.direct.count();
    REQUIRE(eventually([&] { return machine.direct.count() > lookups; }, milliseconds(30'000)));
    sleep_for(milliseconds(500));
    process.signal(SIGINT);
    INFO(scenario << process.errors());
    CHECK(process.wait(milliseconds(30'000)) == 128 + SIGINT);
    CHECK(process.output().find("interrupted: this is what was measured so far") !=
          std::string::npos);
    CHECK(fs::is_empty(folder.path()));
    CHECK(eventually([&] { return processes_with(folder.path().string()) == 0; }));
    // The helpers of "compare" name the server on their command line, those of others a relay.
    CHECK(eventually([&] { return processes_with(machine.direct.address().to_text()) == 0; }));
  }
}

TEST_CASE("a copy of the engine does not outlive a bench that is killed") {
  Machine machine;
  const TempDir folder;
  Process process(command_line(machine.options(
                      {"www.example.net", "--scenario", "storm", "-d", "60", "-r", "50"})),
                  {{"TMPDIR", folder.path().string()}});
  REQUIRE(eventually([&] { return machine.direct.count() > 0; }, milliseconds(30'000)));
  CHECK(processes_with(folder.path().string()) == 1);
  process.signal(SIGKILL);
  CHECK(eventually([&] { return processes_with(folder.path().string()) == 0; }));
}

TEST_CASE("bench measures commands with a resolv.conf of their own") {
  if (!namespaces_permitted()) {
    WARN("SKIPPED: namespaces are not permitted here");
    return;
  }
  in_namespace({"10.9.0.2"}, [] {
    const TempDir folder;
    const auto resolv_conf = folder.write("resolv.conf", "nameserver 192.0.2.1\n");
    bind_mount(resolv_conf, "/etc/resolv.conf");
    TestUpstream direct({.listen = {{"10.9.0.2", 53}}});
    TestUpstream behind;
    auto options = with_config(upstreams_line({&behind}));
    options.port = 53;
    Engine engine(options);
    const std::vector<std::string> words = {"www.example.net",
                                            "--json",
                                            "-n",
                                            "4",
                                            "--repeat",
                                            "2",
                                            "--servers",
                                            "10.9.0.2",
                                            "--control",
                                            engine.control_path().string()};
    auto succeeding = words;
    succeeding.insert(succeeding.end(),
                      {"--exec", "getent ahostsv4 {} && grep -q timeout /etc/resolv.conf"});
    const auto report = report_of(bench(succeeding, {{"TMPDIR", folder.path().string()}}));
    CHECK(report["command"] == "getent ahostsv4 {} && grep -q timeout /etc/resolv.conf");
    CHECK(phase(report, "before")["lookups"] == 4);
    CHECK(phase(report, "before")["failed"] == 0);
    CHECK(phase(report, "warm")["failed"] == 0);
    CHECK(direct.count("www.example.net", type_a) == 4 + warm_up);
    CHECK(behind.count("www.example.net", type_a) >= 1);
    CHECK(read_text("/etc/resolv.conf") == "nameserver 192.0.2.1\n");
    CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);

    auto failing = words;
    failing.insert(failing.end(), {"--exec", "echo first >&2; no-such-command {}"});
    const auto failed = bench(failing);
    CHECK(failed.status == 1);
    CHECK(failed.output.find("before: the command failed: ") != std::string::npos);
    CHECK(failed.output.find("no-such-command: not found") != std::string::npos);
  });
}

std::string decoded(const std::string& base64) {
  static const std::string alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned bits = 0;
  int count = 0;
  for (const char c : base64) {
    const auto value = alphabet.find(c);
    if (value == std::string::npos) break;
    bits = bits << 6 | static_cast<unsigned>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<char>(bits >> count & 0xff));
  }
  return out;
}

// Looks at the page as a reader does, on a phone and on a screen, by day and by night.
void check_page(const fs::path& page, const std::string& marks, std::size_t count) {
  Browser browser;
  for (const int width : {375, 1200}) {
    for (const auto* scheme : {"light", "dark"}) {
      INFO(page << ' ' << width << ' ' << scheme);
      browser.set_width(width, scheme);
      browser.open(page);
      CHECK(browser.evaluate("document.querySelectorAll('" + marks + "').length") == count);
      CHECK(browser.evaluate("document.querySelectorAll('#distribution .bin').length") > 0);
      CHECK(browser.evaluate("document.documentElement.scrollWidth") <= width);
      // Nothing sticks out of the page, and no text or mark out of its card.
      CHECK(browser.evaluate("[...document.querySelectorAll('.card text, .card use')].filter(e => {"
                             "  const card = e.closest('.card').getBoundingClientRect();"
                             "  const box = e.getBoundingClientRect();"
                             "  return box.width > 0 && box.right > card.right - 4;"
                             "}).length") == 0);
      CHECK(
          browser.evaluate("[...document.querySelectorAll('main *')].filter(e => {"
                           "  const box = e.getBoundingClientRect();"
                           "  return box.width > 0 && (box.left < 0 || box.right > innerWidth + 1);"
                           "}).length") == 0);
      CHECK(browser.evaluate("document.querySelector('h1').textContent.length") > 20);
      // Text that can be read on a phone.
      CHECK(browser.evaluate("Math.min(...[...document.querySelectorAll('text,p,td,span,b')]"
                             ".map(e => parseFloat(getComputedStyle(e).fontSize)))") >= 12);
      if (const char* folder = std::getenv("DNSCACHE_SCREENSHOTS")) {
        const auto name = page.stem().string() + '-' + std::to_string(width) + '-' + scheme;
        std::ofstream(fs::path(folder) / (name + ".png")) << decoded(browser.screenshot());
      }
    }
  }
  CHECK(browser.evaluate("getComputedStyle(document.body).backgroundColor") !=
        "rgb(246, 247, 249)");  // the dark theme
  CHECK(browser.requests() == std::vector<std::string>{});
  CHECK(browser.complaints() == std::vector<std::string>{});
}

TEST_CASE("the page of bench renders in a browser, on a phone too, and asks for nothing") {
  if (!Browser::is_installed()) {
    WARN("SKIPPED: there is no chromium here");
    return;
  }
  Machine machine;
  const TempDir folder;
  const auto page = (folder.path() / "compare.html").string();
  const auto report = report_of(bench(machine.options(
      {"www.example.net", "api.example.net", "--json", "-n", "30", "--html", page})));
  std::size_t lookups = 0;
  for (const auto& one : report["phases"]) lookups += one["lookups"].get<std::size_t>();
  check_page(page, "#timeline use.dot", lookups);

  const auto storm_page = (folder.path() / "storm.html").string();
  report_of(bench(machine.options({"www.example.net", "--json", "--scenario", "storm", "-d", "3",
                                   "-r", "400", "--html", storm_page})));
  check_page(storm_page, "#timeline .second", 6);
}

TEST_CASE("the page of a failover shows the silence") {
  if (!Browser::is_installed()) {
    WARN("SKIPPED: there is no chromium here");
    return;
  }
  Machine machine;
  machine.direct.set("delay 2");
  const TempDir folder;
  const auto page = (folder.path() / "failover.html").string();
  const auto report = report_of(bench(machine.options(
      {"www.example.net", "--json", "--scenario", "failover", "-d", "4", "--html", page})));
  std::size_t lookups = 0;
  for (const auto& one : report["phases"]) lookups += one["lookups"].get<std::size_t>();
  check_page(page, "#timeline use.dot", lookups);
}

}  // namespace
}  // namespace dnscache::test
