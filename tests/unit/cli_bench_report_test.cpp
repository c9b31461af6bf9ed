#include <catch2/catch.hpp>
#include <sstream>

#include "cli/bench/report.hpp"

using namespace dnscache;
using namespace dnscache::cli;

namespace {

BenchPhase phase(const std::string& key, std::size_t count, double milliseconds,
                 std::optional<std::uint64_t> passed_on = {}) {
  BenchPhase out;
  out.key = out.title = key;
  out.planned = count;
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = static_cast<double>(i);
    out.samples.push_back({{at, milliseconds * (1 + 0.001 * at)}, true});
  }
  out.passed_on = passed_on;
  return out;
}

BenchPhase failing_phase(const std::string& key, std::size_t count, double milliseconds) {
  auto out = phase(key, count, milliseconds);
  for (auto& sample : out.samples) sample.is_answer = false;
  return out;
}

BenchReport report_of(std::vector<BenchPhase> phases) {
  BenchReport report;
  report.when = "2026-01-02T03:04:05Z";
  report.through = "glibc's resolver";
  report.names = {"www.example.com"};
  report.types = {"A"};
  report.before_servers = {"192.0.2.1:53", "192.0.2.2:53"};
  report.servers_from = "--servers";
  report.cache = "127.0.0.1:53";
  report.is_flushed = true;
  report.limit_seconds = 15;
  report.phases = std::move(phases);
  return report;
}

BenchReport failover_report() {
  auto report = report_of({phase("before", 16, 2), phase("cold", 16, 2), phase("warm", 16, 0.05)});
  report.scenario = "failover";
  report.silence = Silence{"192.0.2.1:53", 4, 12};
  for (std::size_t i = 4; i < 12; ++i) report.phases[0].samples[i].ms = 5000;
  report.phases[1].samples[4].ms = 220;
  report.phases[1].samples[0].ms = 900;  // slower, but before the silence
  return report;
}

BenchReport storm_report() {
  auto report = report_of({phase("storm", 5000, 0.05, 3)});
  report.scenario = "storm";
  report.storm = Storm{{2000, 2000, 1000}, {2, 1, 0}, 3, 1024};
  return report;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("the sentence tells the factor with two digits, how sure it is, and who was asked") {
  CHECK(conclusion(report_of({phase("before", 20, 100), phase("warm", 20, 0.03, 1)})) ==
        "Warm lookups are 3,300 times faster (median 100.9 ms before, 0.030 ms now; less by "
        "100.5 ms to 101.3 ms with 95 % confidence); 1 of 20 reached an upstream.");
  const auto slower = conclusion(report_of({phase("before", 20, 1), phase("warm", 20, 3, 0)}));
  CHECK(slower.starts_with(
      "Warm lookups are 3.0 times SLOWER (median 1.01 ms before, 3.03 ms now; more by 2."));
  CHECK(slower.ends_with("; none of 20 reached an upstream."));
}

TEST_CASE("no difference is called no difference") {
  CHECK(conclusion(report_of({phase("before", 20, 1), phase("warm", 20, 1)}))
            .starts_with("There is no significant difference (1.01 ms without the cache, 1.01 ms "
                         "through it; the medians differ by -0.0"));
  // Significant, but too small to matter.
  CHECK(conclusion(report_of({phase("before", 20, 1.05), phase("warm", 20, 1)}))
            .starts_with("There is no significant difference"));
  CHECK(contains(conclusion(report_of({phase("before", 2, 5000), phase("warm", 200, 1)})),
                 "too few lookups"));
}

TEST_CASE("failures are not mixed with answers") {
  const auto report = report_of({failing_phase("before", 3, 10000), phase("warm", 10, 0.05, 0)});
  CHECK(conclusion(report) ==
        "Without the cache no lookup was answered; through it 10 of 10 are, in 0.050 ms; none of "
        "10 reached an upstream.");
  CHECK(contains(to_text(report, Terminal{}), "before: a failed lookup took 10.01 s\n"));
  CHECK(to_json(report)["phases"][0]["p50_ms"].is_null());
  CHECK(to_json(report)["phases"][0]["failed"] == 3);
  CHECK(to_json(report)["comparison"].is_null());
}

TEST_CASE("what was not measured is not told") {
  CHECK(conclusion(report_of({})) == "Not enough was measured for a comparison.");
  auto before = phase("before", 3, 5000);
  before.planned = 200;
  auto report = report_of({before, phase("warm", 200, 0.05)});
  CHECK(contains(to_text(report, Terminal{}), "3 of 200 lookups in 15 s, then stopped"));
  const auto row = to_json(report)["phases"][0];
  CHECK(row["p90_ms"].is_null());
  CHECK(row["lookups"] == 3);
  CHECK(row["passed_on"].is_null());
  report.is_interrupted = true;
  CHECK(contains(to_text(report, Terminal{}), "interrupted"));
}

TEST_CASE("outliers are told of where they are not the subject") {
  auto slow = phase("warm", 100, 1);
  slow.samples[7].ms = 500;
  const auto text = to_text(report_of({phase("before", 100, 2), slow}), Terminal{});
  CHECK(contains(text, "warm: 1 slow outlier (over 1."));
  CHECK_FALSE(contains(text, "before: 1 slow outlier"));
  CHECK_FALSE(contains(to_text(failover_report(), Terminal{}), "outlier"));
}

TEST_CASE("the failover report looks at the silence only") {
  const auto report = failover_report();
  CHECK(conclusion(report) ==
        "While 192.0.2.1:53 was silent the slowest lookup took: without the cache 5.00 s; through "
        "the cache 220.0 ms; through it with the answer cached 0.051 ms.");
  const auto cold = to_json(report)["phases"][1]["during_silence"];
  CHECK(cold["lookups"] == 8);
  CHECK(cold["max_ms"] == 220);
  CHECK(contains(to_text(report, Terminal{}), "slowest lookup that began in each half second"));
}

TEST_CASE("the storm report compares with the quota") {
  auto report = storm_report();
  CHECK(conclusion(report) ==
        "5,000 lookups became 3 packets to the upstream (0.06 %), 2 in any second at most; "
        "without the cache up to 2,000 a second would have gone there, more than the 1,024 that a "
        "VPC's resolver lets through.");
  CHECK(to_json(report)["storm"]["packets"] == 3);
  report.storm->lookups_each_second = {500};
  CHECK_FALSE(contains(conclusion(report), "more than"));
}

TEST_CASE("the report fits the terminal") {
  Terminal terminal;
  terminal.is_tty = terminal.has_unicode = true;
  auto compare = report_of({phase("before", 200, 500), phase("warm", 200, 0.03, 1)});
  compare.names.assign(10'000, "a-rather-long-name.in-a-rather-long-domain.example.com");
  compare.phases[0].planned = 20'000;
  compare.phases[0].title = "cache, cold";
  for (const std::size_t width : {80, 140}) {
    terminal.width = width;
    for (const auto& report : {compare, failover_report(), storm_report()}) {
      std::istringstream lines(to_text(report, terminal));
      for (std::string line; std::getline(lines, line);) {
        INFO(line);
        CHECK(display_width(line) <= width);
      }
    }
  }
  CHECK(contains(to_text(compare, terminal), "MIN"));
  CHECK(contains(to_text(compare, terminal), "and 9,997 more"));
}

TEST_CASE("a table has one unit") {
  const auto text = to_text(report_of({phase("before", 10, 5000), phase("warm", 10, 0.03)}), {});
  CHECK(contains(text, "P50 ms"));
  CHECK(contains(text, "5,020"));
  CHECK(contains(text, "0.030"));
  CHECK(contains(text, "10000 ms"));
}

TEST_CASE("what a failed command wrote is told, made safe") {
  auto before = failing_phase("before", 3, 10);
  before.complaint = "sh: 1: \x1b[31mcurl: not found";
  const auto text = to_text(report_of({before, phase("warm", 10, 0.05, 0)}), Terminal{});
  CHECK(contains(text, "before: the command failed: sh: 1: ?[31mcurl: not found\n"));
}

TEST_CASE("Markdown is a table that keeps its columns") {
  const auto text = to_markdown(report_of({phase("before", 20, 100), phase("warm", 20, 0.03, 1)}));
  CHECK(text.starts_with("**Warm lookups are 3,300 times faster"));
  CHECK(contains(text, "\n| before | 20 | 0 | 100.0 |"));
  CHECK(occurrences(text, "|\n") == 4);
}

TEST_CASE("the page has a mark for each lookup and takes nothing from names") {
  auto report = report_of({phase("before", 20, 100), phase("warm", 30, 0.03, 1)});
  report.names = {"<script>alert(1)</script>", "@CONCLUSION@", "a&b\"c"};
  const auto page = to_html(report);
  CHECK(occurrences(page, "<use class=\"dot") == 50);
  CHECK_FALSE(contains(page, "<script"));
  CHECK(contains(page, "&lt;script&gt;alert(1)&lt;/script&gt;, @CONCLUSION@ and a&amp;b&quot;c"));
  CHECK_FALSE(contains(page, "http:"));
  CHECK_FALSE(contains(page, "https:"));
  CHECK(occurrences(to_html(storm_report()), "<rect class=\"second") == 6);
  CHECK(occurrences(to_html(failover_report()), "192.0.2.1:53 silent") == 1);
}

TEST_CASE("the page of a long run draws a choice that has the slowest, and says so") {
  auto many = phase("warm", 10'000, 0.05);
  many.samples[1234].ms = 777;
  const auto page = to_html(report_of({phase("before", 10, 1), many}));
  CHECK(occurrences(page, "<use class=\"dot") == 1510);
  CHECK(contains(page, "8,500 are not drawn"));
  // The slowest began at 1234 s of 9999 s.
  CHECK(occurrences(page, "href=\"#m1\" x=\"12.34%\"") == 1);
}
