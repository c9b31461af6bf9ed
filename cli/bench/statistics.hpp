// Order statistics of measured times, and whether two samples differ. Pure: no clock, no chance.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace dnscache::cli {

/// The distribution of a sample. A percentile that the sample is too small to show is absent.
struct Summary {
  std::size_t count = 0;
  double min = 0;
  double p50 = 0;
  std::optional<double> p90;  ///< from 10 values on
  std::optional<double> p99;  ///< from 100 values on
  double max = 0;
};

/// Percentiles by nearest rank: each one is a value that was measured.
Summary summarize(std::vector<double> sample);

/// A range that a value lies in.
struct Interval {
  double low = 0;
  double high = 0;

  bool operator==(const Interval&) const = default;
};

/// The 95 % confidence interval of median(a) - median(b): percentile bootstrap (Efron and
/// Tibshirani, 1993) of 4,000 resamples with a fixed seed. Absent when either sample has fewer than
/// three values.
std::optional<Interval> median_difference(std::vector<double> a, std::vector<double> b);

/// Values far above the rest.
struct Outliers {
  std::size_t count = 0;
  double above = 0;  ///< the limit
};

/// Beyond Tukey's outer fence, three interquartile ranges above the third quartile. None in samples
/// of fewer than ten values.
Outliers slow_outliers(std::vector<double> sample);

/// What a comparison of two samples of times says.
enum class Verdict {
  too_few,  ///< fewer than three values in one of them
  same,     ///< no significant difference, or one of less than a tenth
  faster,   ///< b takes less time than a
  slower,
};

/// Significant: the interval of the medians' difference is on one side of zero.
Verdict compare(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace dnscache::cli
