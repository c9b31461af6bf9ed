// Order statistics of measured times, and whether two samples differ.
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
  std::optional<double> p95;  ///< from 20 values on
  std::optional<double> p99;  ///< from 100 values on
  double max = 0;
};

/// Percentiles by nearest rank: each one is a value that was measured.
Summary summarize(std::vector<double> sample);

/// Two-sided p value of the Mann-Whitney U test (normal approximation with tie correction): how
/// likely a difference like this is if both samples come from the same distribution. 1 when either
/// sample has fewer than three values.
double mann_whitney_p(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace dnscache::cli
