#include "cli/bench/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <random>

namespace dnscache::cli {

namespace {

constexpr double smallest_real_gain = 1.1;  // ratio of medians that is worth a word
constexpr std::size_t fewest_to_compare = 3;
constexpr std::size_t resamples = 4000;

double nearest_rank(const std::vector<double>& sorted, double share) {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

/// Draws the median of a resample without making the resample: the k-th smallest of n indices
/// drawn at random is n times a Beta(k, n - k + 1) variate, a quotient of two Gamma variates.
class ResampledMedian {
 public:
  explicit ResampledMedian(std::vector<double> sample) : sorted_(std::move(sample)) {
    std::ranges::sort(sorted_);
  }

  double draw(std::mt19937_64& random) {
    const double below = below_(random);
    const double share = below / (below + above_(random));
    const auto index = static_cast<std::size_t>(share * static_cast<double>(sorted_.size()));
    return sorted_[std::min(index, sorted_.size() - 1)];
  }

 private:
  std::vector<double> sorted_;
  std::size_t middle_ = (sorted_.size() + 1) / 2;
  std::gamma_distribution<double> below_{static_cast<double>(middle_)};
  std::gamma_distribution<double> above_{static_cast<double>(sorted_.size() + 1 - middle_)};
};

}  // namespace

Summary summarize(std::vector<double> sample) {
  Summary summary;
  summary.count = sample.size();
  if (sample.empty()) return summary;
  std::ranges::sort(sample);
  summary.min = sample.front();
  summary.p50 = nearest_rank(sample, 0.50);
  if (sample.size() >= 10) summary.p90 = nearest_rank(sample, 0.90);
  if (sample.size() >= 100) summary.p99 = nearest_rank(sample, 0.99);
  summary.max = sample.back();
  return summary;
}

std::optional<Interval> median_difference(std::vector<double> a, std::vector<double> b) {
  if (std::min(a.size(), b.size()) < fewest_to_compare) return {};
  ResampledMedian median_a(std::move(a));
  ResampledMedian median_b(std::move(b));
  std::mt19937_64 random(1);  // the same measurements give the same interval
  std::vector<double> differences;
  for (std::size_t i = 0; i < resamples; ++i) {
    const double of_a = median_a.draw(random);
    differences.push_back(of_a - median_b.draw(random));
  }
  std::ranges::sort(differences);
  return Interval{nearest_rank(differences, 0.025), nearest_rank(differences, 0.975)};
}

Outliers slow_outliers(std::vector<double> sample) {
  if (sample.size() < 10) return {};
  std::ranges::sort(sample);
  const double third = nearest_rank(sample, 0.75);
  Outliers outliers;
  outliers.above = third + 3 * (third - nearest_rank(sample, 0.25));
  const auto first = std::ranges::upper_bound(sample, outliers.above);
  outliers.count = static_cast<std::size_t>(sample.end() - first);
  return outliers;
}

Verdict compare(const std::vector<double>& a, const std::vector<double>& b) {
  const auto interval = median_difference(a, b);
  if (!interval) return Verdict::too_few;
  const double median_a = summarize(a).p50;
  const double median_b = summarize(b).p50;
  const bool is_clear = interval->low > 0 || interval->high < 0;
  const bool is_large =
      std::max(median_a, median_b) >= smallest_real_gain * std::min(median_a, median_b);
  if (!is_clear || !is_large) return Verdict::same;
  return median_a > median_b ? Verdict::faster : Verdict::slower;
}

}  // namespace dnscache::cli
