#include <catch2/catch.hpp>
#include <numeric>

#include "cli/statistics.hpp"

using dnscache::cli::mann_whitney_p;
using dnscache::cli::summarize;

namespace {

std::vector<double> range(int from, int to) {
  std::vector<double> values(static_cast<std::size_t>(to - from + 1));
  std::iota(values.begin(), values.end(), from);
  return values;
}

}  // namespace

TEST_CASE("percentiles are measured values, by nearest rank") {
  const auto summary = summarize(range(1, 100));
  CHECK(summary.count == 100);
  CHECK(summary.min == 1);
  CHECK(summary.p50 == 50);
  CHECK(summary.p95 == 95.0);
  CHECK(summary.p99 == 99.0);
  CHECK(summary.max == 100);
}

TEST_CASE("a percentile that the sample can't show is absent") {
  CHECK_FALSE(summarize(range(1, 19)).p95);
  CHECK(summarize(range(1, 20)).p95 == 19.0);
  CHECK_FALSE(summarize(range(1, 99)).p99);
  const auto single = summarize({7});
  CHECK(single.p50 == 7);
  CHECK(single.max == 7);
  CHECK(summarize({}).count == 0);
}

TEST_CASE("the Mann-Whitney test tells samples apart") {
  CHECK(mann_whitney_p(range(1, 20), range(101, 120)) < 0.0001);
  CHECK(mann_whitney_p(range(1, 20), range(1, 20)) == Approx(1.0));
  CHECK(mann_whitney_p(range(1, 20), range(2, 21)) > 0.5);
  CHECK(mann_whitney_p({5, 5, 5, 5}, {5, 5, 5}) == 1);
  CHECK(mann_whitney_p({1, 2}, range(100, 200)) == 1);
  // U = 0 for 3 and 200 values: z = -(300 - 0.5) / sqrt(3 * 200 * 204 / 12) = -2.965
  CHECK(mann_whitney_p({5000, 5001, 5002}, range(1, 200)) == Approx(0.00302).epsilon(0.02));
}
