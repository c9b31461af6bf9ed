#include <catch2/catch.hpp>

#include "cli/bench_report.hpp"

using namespace dnscache::cli;

namespace {

BenchPhase phase(const std::string& key, std::size_t count, double milliseconds,
                 std::optional<std::uint64_t> passed_on = {}) {
  BenchPhase out;
  out.key = out.title = key;
  out.planned = count;
  for (std::size_t i = 0; i < count; ++i) {
    out.answered_ms.push_back(milliseconds * (1 + 0.001 * static_cast<double>(i)));
  }
  out.passed_on = passed_on;
  return out;
}

BenchReport report_of(std::vector<BenchPhase> phases) {
  BenchReport report;
  report.names = {"www.example.com"};
  report.types = {"A"};
  report.before_servers = {"192.0.2.1:53", "192.0.2.2:53"};
  report.cache = "127.0.0.1:53";
  report.is_flushed = true;
  report.limit_seconds = 15;
  report.phases = std::move(phases);
  return report;
}

}  // namespace

TEST_CASE("the sentence tells the factor with two digits, and who was asked") {
  CHECK(conclusion(report_of({phase("before", 20, 100), phase("warm", 20, 0.03, 1)})) ==
        "Warm lookups are 3,300 times faster (median 100.9 ms before, 0.030 ms now); 1 of 20 "
        "reached an upstream.");
  CHECK(conclusion(report_of({phase("before", 20, 1), phase("warm", 20, 3, 0)})) ==
        "Warm lookups are 3.0 times SLOWER (median 1.01 ms before, 3.03 ms now); none of 20 "
        "reached an upstream.");
}

TEST_CASE("no difference is called no difference") {
  CHECK(conclusion(report_of({phase("before", 20, 1), phase("warm", 20, 1)})) ==
        "There is no significant difference (1.01 ms without the cache, 1.01 ms through it).");
  // Significant, but too small to matter.
  CHECK(conclusion(report_of({phase("before", 20, 1.05), phase("warm", 20, 1)}))
            .starts_with("There is no significant difference"));
  CHECK(conclusion(report_of({phase("before", 2, 5000), phase("warm", 200, 1)}))
            .find("too few lookups") != std::string::npos);
}

TEST_CASE("failures are not mixed with answers") {
  auto before = phase("before", 0, 0);
  before.planned = 3;
  before.failed_ms = {10000, 10000, 10000};
  const auto report = report_of({before, phase("warm", 10, 0.05, 0)});
  CHECK(conclusion(report) ==
        "Without the cache no lookup was answered; through it 10 of 10 are, in 0.050 ms; none of "
        "10 reached an upstream.");
  CHECK(to_text(report, Terminal{}).find("before: a failed lookup took 10.00 s\n") !=
        std::string::npos);
  CHECK(to_json(report)["phases"][0]["p50_ms"].is_null());
  CHECK(to_json(report)["phases"][0]["failed"] == 3);
}

TEST_CASE("what was not measured is not told") {
  CHECK(conclusion(report_of({})) == "Not enough was measured for a comparison.");
  auto before = phase("before", 3, 5000);
  before.planned = 200;
  auto report = report_of({before, phase("warm", 200, 0.05)});
  CHECK(to_text(report, Terminal{}).find("3 of 200 lookups in 15 s, then stopped") !=
        std::string::npos);
  const auto row = to_json(report)["phases"][0];
  CHECK(row["p95_ms"].is_null());
  CHECK(row["lookups"] == 3);
  CHECK(row["passed_on"].is_null());
  report.is_interrupted = true;
  CHECK(to_text(report, Terminal{}).find("interrupted") != std::string::npos);
}
