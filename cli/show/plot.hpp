// Plots of times on a logarithmic axis, for the terminal; the axis and the bins serve HTML as well.
#pragma once

#include <string>
#include <vector>

#include "cli/show/output.hpp"

namespace dnscache::cli {

/// A logarithmic axis of milliseconds between two powers of ten.
struct LogAxis {
  int low = 0;   ///< exponent of ten at its left end
  int high = 1;  ///< and at its right end, at least one more

  /// Wide enough for these values; those of zero and less do not count.
  static LogAxis around(const std::vector<double>& milliseconds);

  /// Where a value is, from 0 (left) to 1 (right); what is outside is put at the end.
  double share(double milliseconds) const;
  double value_at(double share) const;
  /// The powers of ten on it.
  std::vector<double> ticks() const;
};

/// "0.01 ms", "10000 ms": one unit for all ticks of an axis.
std::string short_time(double milliseconds);

/// How many values are in each of `bins` equal parts of the axis.
std::vector<std::size_t> log_histogram(const std::vector<double>& values, const LogAxis& axis,
                                       std::size_t bins);

/// One distribution or one line of a plot, with its name.
struct Series {
  std::string title;
  std::vector<double> values;
};

/// The distributions below each other over the same axis, each as high as its own fullest bin, in
/// the terminal's width (76 columns where there is no limit).
std::string distribution_plot(const Terminal& terminal, const std::vector<Series>& distributions);

/// When something began, in seconds, and how long it took.
struct Timed {
  double start_s = 0;
  double ms = 0;
};

/// What happened over time, under one name.
struct TimedSeries {
  std::string title;
  std::vector<Timed> values;
};

/// For each half second a bar as high as its slowest value, a line for each series; below them when
/// something was so, from `from_s` to `until_s`. Nothing where the terminal is too narrow.
std::string timeline_plot(const Terminal& terminal, const std::vector<TimedSeries>& lines,
                          const std::string& mark, double from_s, double until_s);

}  // namespace dnscache::cli
