#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <random>

#include "cli/bench/statistics.hpp"

using namespace dnscache::cli;

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
  CHECK(summary.p90 == 90.0);
  CHECK(summary.p99 == 99.0);
  CHECK(summary.max == 100);
}

TEST_CASE("a percentile that the sample cannot show is absent") {
  CHECK_FALSE(summarize(range(1, 9)).p90);
  CHECK(summarize(range(1, 10)).p90 == 9.0);
  CHECK_FALSE(summarize(range(1, 99)).p99);
  const auto single = summarize({7});
  CHECK(single.p50 == 7);
  CHECK(single.max == 7);
  CHECK(summarize({}).count == 0);
}

TEST_CASE("the interval of the difference holds what a plain bootstrap finds") {
  // Resampled the long way, to check the shortcut by way of the Beta distribution.
  const auto a = range(1, 41);
  const auto b = range(101, 161);
  std::mt19937_64 random(7);
  const auto resampled_median = [&](const std::vector<double>& sample) {
    std::vector<double> drawn;
    for (std::size_t i = 0; i < sample.size(); ++i)
      drawn.push_back(sample[random() % sample.size()]);
    return summarize(drawn).p50;
  };
  std::vector<double> differences;
  for (int i = 0; i < 4000; ++i) differences.push_back(resampled_median(a) - resampled_median(b));
  std::sort(differences.begin(), differences.end());
  const auto interval = median_difference(a, b);
  REQUIRE(interval);
  CHECK(interval->low == Approx(differences[100]).margin(2));
  CHECK(interval->high == Approx(differences[3899]).margin(2));
  CHECK(interval->low < -110);
  CHECK(interval->high > -110);
  CHECK(median_difference(a, b) == interval);
  CHECK_FALSE(median_difference({1, 2}, a));
}

TEST_CASE("the interval holds the true difference about as often as it says") {
  std::mt19937_64 random(11);
  std::lognormal_distribution<double> times(0, 0.7);
  int held = 0;
  for (int run = 0; run < 200; ++run) {
    std::vector<double> a;
    std::vector<double> b;
    for (int i = 0; i < 60; ++i) a.push_back(times(random) + 2);
    for (int i = 0; i < 60; ++i) b.push_back(times(random));
    const auto interval = median_difference(a, b);
    if (interval->low <= 2 && interval->high >= 2) ++held;
  }
  CHECK(held >= 180);  // 190 expected, standard deviation 3
}

TEST_CASE("outliers are far beyond the middle half, or there are none") {
  auto sample = range(1, 99);
  CHECK(slow_outliers(sample).count == 0);
  sample.push_back(10'000);
  CHECK(slow_outliers(sample).count == 1);
  CHECK(slow_outliers(sample).above < 300);
  CHECK(slow_outliers({1, 1, 1, 1000}).count == 0);
}

TEST_CASE("a comparison says no more than the samples do") {
  CHECK(compare(range(101, 130), range(1, 30)) == Verdict::faster);
  CHECK(compare(range(1, 30), range(101, 130)) == Verdict::slower);
  CHECK(compare(range(1, 30), range(1, 30)) == Verdict::same);
  CHECK(compare(range(1000, 1030), range(1040, 1070)) == Verdict::same);  // real, but 4 %
  CHECK(compare({1, 2}, range(1, 30)) == Verdict::too_few);
}
