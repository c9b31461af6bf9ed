#include "cli/statistics.hpp"

#include <algorithm>
#include <cmath>

namespace dnscache::cli {

namespace {

double nearest_rank(const std::vector<double>& sorted, double share) {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

/// A value and the sample it comes from.
struct Tagged {
  double value;
  bool is_first;
};

}  // namespace

Summary summarize(std::vector<double> sample) {
  Summary summary;
  summary.count = sample.size();
  if (sample.empty()) return summary;
  std::ranges::sort(sample);
  summary.min = sample.front();
  summary.p50 = nearest_rank(sample, 0.50);
  if (sample.size() >= 20) summary.p95 = nearest_rank(sample, 0.95);
  if (sample.size() >= 100) summary.p99 = nearest_rank(sample, 0.99);
  summary.max = sample.back();
  return summary;
}

double mann_whitney_p(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() < 3 || b.size() < 3) return 1;
  std::vector<Tagged> all;
  for (const double value : a) all.push_back({value, true});
  for (const double value : b) all.push_back({value, false});
  std::ranges::sort(all, {}, &Tagged::value);

  double rank_sum = 0;
  double ties = 0;
  for (std::size_t begin = 0; begin < all.size();) {
    auto end = begin;
    while (end < all.size() && all[end].value == all[begin].value) ++end;
    const auto tied = static_cast<double>(end - begin);
    const double mean_rank = static_cast<double>(begin + 1 + end) / 2;
    for (auto i = begin; i < end; ++i) rank_sum += all[i].is_first ? mean_rank : 0;
    ties += tied * tied * tied - tied;
    begin = end;
  }
  const auto n = static_cast<double>(a.size());
  const auto m = static_cast<double>(b.size());
  const double total = n + m;
  const double u = rank_sum - n * (n + 1) / 2;
  const double variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)));
  if (variance <= 0) return 1;
  const double distance = std::max(0.0, std::abs(u - n * m / 2) - 0.5);
  return std::erfc(distance / std::sqrt(2 * variance));
}

}  // namespace dnscache::cli
