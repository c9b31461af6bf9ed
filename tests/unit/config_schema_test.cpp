#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <set>

#include "resolver/config/schema.hpp"

using namespace dnscache;

namespace {

std::string section_of(const std::string& key) {
  const auto dot = key.rfind('.');
  return dot == std::string::npos ? "" : key.substr(0, dot);
}

std::string manual_page() {
  std::ifstream file(DNSCACHE_SOURCE_DIR "/man/dnscachectl.yaml.5");
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("each setting is one complete row") {
  std::set<std::string> keys;
  for (const Setting& setting : settings()) {
    CAPTURE(setting.key);
    CHECK(keys.insert(setting.key).second);
    CHECK(setting.help.ends_with('.'));
    CHECK_FALSE(setting.allowed.empty());
    CHECK(setting.read);
    CHECK(setting.write);
  }
}

TEST_CASE("no setting is a section as well") {
  for (const Setting& setting : settings()) {
    for (const Setting& other : settings()) CHECK(section_of(other.key) != setting.key);
  }
}

TEST_CASE("the settings of a section stand together") {
  std::set<std::string> finished;
  std::string before;
  for (const Setting& setting : settings()) {
    std::string section = section_of(setting.key);
    section = section.substr(0, section.find('.'));
    CAPTURE(setting.key);
    if (section != before && !before.empty()) finished.insert(before);
    CHECK(finished.count(section) == 0);
    before = section;
  }
}

TEST_CASE("each default is what its own setting accepts") {
  for (const Setting& setting : settings()) {
    CAPTURE(setting.key);
    std::vector<Problem> problems;
    ReadContext context("f", problems);
    Config config;
    setting.read(setting.default_value(), config, context);
    for (const Problem& problem : problems) UNSCOPED_INFO(problem.to_text());
    CHECK(problems.empty());
    CHECK(config == Config{});
  }
}

TEST_CASE("each setting changes its own field only") {
  struct Row {
    std::string key;
    std::string value;
    std::function<void(Config&)> change;
  };
  const Row row = GENERATE(values<Row>({
      {"workers", "2", [](Config& c) { c.workers = 2; }},
      {"upstreams_from", "/x", [](Config& c) { c.upstreams_from = "/x"; }},
      {"policy", "ordered", [](Config& c) { c.policy = SelectionPolicy::ordered; }},
      {"timeout", "1s", [](Config& c) { c.timeout = 1s; }},
      {"hedge.after", "7ms", [](Config& c) { c.hedge.after = 7ms; }},
      {"hedge.budget", "50%", [](Config& c) { c.hedge.budget = 0.5; }},
      {"health.probe_interval", "1s", [](Config& c) { c.health.probe_interval = 1s; }},
      {"health.probe_interval_max", "9s", [](Config& c) { c.health.probe_interval_max = 9s; }},
      {"quota.packets_per_second", "9", [](Config& c) { c.quota.packets_per_second = 9; }},
      {"domain_needed", "true", [](Config& c) { c.domain_needed = true; }},
      {"bogus_priv", "true", [](Config& c) { c.bogus_priv = BogusPriv::always; }},
      {"filter_a", "true", [](Config& c) { c.filter_a = true; }},
      {"round_robin", "false", [](Config& c) { c.round_robin = false; }},
      {"filter_aaaa", "true", [](Config& c) { c.filter_aaaa = true; }},
      {"rebind_protection.enabled", "true", [](Config& c) { c.rebind_protection.enabled = true; }},
      {"rebind_protection.allow_localhost", "true",
       [](Config& c) { c.rebind_protection.allow_localhost = true; }},
      {"rebind_protection.private_upstreams", "false",
       [](Config& c) { c.rebind_protection.private_upstreams = false; }},
      {"dnssec.mode", "off", [](Config& c) { c.dnssec.mode = DnssecMode::off; }},
      {"local.domain", "corp.example",
       [](Config& c) { c.local.domain = *Name::parse("corp.example"); }},
      {"local.expand_hosts", "true", [](Config& c) { c.local.expand_hosts = true; }},
      {"local.ttl", "7s", [](Config& c) { c.local.ttl = 7s; }},
      {"local.block.answer", "refused",
       [](Config& c) { c.local.block.answer = BlockAnswer::refused; }},
      {"rate_limit.queries_per_second", "9",
       [](Config& c) { c.rate_limit.queries_per_second = 9; }},
      {"rate_limit.burst", "9", [](Config& c) { c.rate_limit.burst = 9; }},
      {"memory", "20MiB", [](Config& c) { c.memory = 20 << 20; }},
      {"cache.size", "2MiB", [](Config& c) { c.cache.size = 2 << 20; }},
      {"cache.min_ttl", "2s", [](Config& c) { c.cache.min_ttl = 2s; }},
      {"cache.max_ttl", "2s", [](Config& c) { c.cache.max_ttl = 2s; }},
      {"cache.negative.default_ttl", "2s", [](Config& c) { c.cache.negative.default_ttl = 2s; }},
      {"cache.negative.max_ttl", "2s", [](Config& c) { c.cache.negative.max_ttl = 2s; }},
      {"cache.nxdomain_cut", "always",
       [](Config& c) { c.cache.nxdomain_cut = NxdomainCut::always; }},
      {"cache.prefetch", "false", [](Config& c) { c.cache.prefetch = false; }},
      {"cache.serve_stale.enabled", "false",
       [](Config& c) { c.cache.serve_stale.enabled = false; }},
      {"cache.serve_stale.after", "2s", [](Config& c) { c.cache.serve_stale.after = 2s; }},
      {"cache.serve_stale.max_age", "2s", [](Config& c) { c.cache.serve_stale.max_age = 2s; }},
      {"cache.serve_stale.ttl", "2s", [](Config& c) { c.cache.serve_stale.ttl = 2s; }},
      {"cache.persist", "/y", [](Config& c) { c.cache.persist = "/y"; }},
      {"control", "/z", [](Config& c) { c.control = "/z"; }},
      {"metrics.listen", "127.0.0.1:9153",
       [](Config& c) { c.metrics.listen = Endpoint{IpAddress::v4(127, 0, 0, 1), 9153}; }},
      {"query_log.level", "all", [](Config& c) { c.query_log.level = QueryLogLevel::all; }},
      {"query_log.file", "/q", [](Config& c) { c.query_log.file = "/q"; }},
      {"query_log.format", "json", [](Config& c) { c.query_log.format = QueryLogFormat::json; }},
      {"log_level", "error", [](Config& c) { c.log_level = LogLevel::error; }},
  }));
  const auto setting =
      std::find_if(settings().begin(), settings().end(),
                   [&](const Setting& candidate) { return candidate.key == row.key; });
  REQUIRE(setting != settings().end());
  Config expected;
  row.change(expected);
  Config config;
  std::vector<Problem> problems;
  ReadContext context("f", problems);
  setting->read(YamlNode::scalar(row.value), config, context);
  CHECK(problems.empty());
  CHECK(config == expected);
  CHECK(setting->write(config).text == row.value);
}

TEST_CASE("each setting says what a change of it costs") {
  Config before, after;
  CHECK(changed_settings(before, after).empty());
  after.workers = 3;
  after.bogus_nxdomain = {*Network::parse("192.0.2.1")};
  const auto changed = changed_settings(before, after);
  REQUIRE(changed.size() == 2);
  CHECK(changed[0]->key == "workers");
  CHECK(changed[0]->cost == ChangeCost::restart);
  CHECK(has_change_of(ChangeCost::flush, before, after));
  CHECK_FALSE(has_change_of(ChangeCost::routes, before, after));
  CHECK(rules_in_words(*changed[0]).ends_with("A change takes effect after a restart."));
  CHECK(rules_in_words(*changed[1]).ends_with("A change flushes the cache."));
}

TEST_CASE("the manual page has the settings as they are") {
  // `dnscachectl __man-settings` prints the part that belongs between the two marks.
  const std::string page = manual_page();
  const std::string begin =
      ".\\\" begin of the settings, generated by dnscachectl __man-settings\n";
  const std::string end = ".\\\" end of the settings\n";
  const auto from = page.find(begin);
  const auto to = page.find(end);
  REQUIRE(from != std::string::npos);
  REQUIRE(to != std::string::npos);
  CHECK(page.substr(from + begin.size(), to - from - begin.size()) == settings_as_mdoc());
}
