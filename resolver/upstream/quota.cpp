#include "resolver/upstream/quota.hpp"

#include <algorithm>

namespace dnscache {

void PacketRate::count(TimePoint now) {
  in_window(now);
  ++counts_[static_cast<std::size_t>(step_) % steps];
  peak_ = std::max(peak_, ++sum_);
}

std::uint32_t PacketRate::in_window(TimePoint now) {
  const std::int64_t step = now.time_since_epoch() / std::chrono::milliseconds(100);
  const auto passed = std::min<std::int64_t>(step - step_, steps);
  for (std::int64_t i = 1; i <= passed; ++i) {
    std::uint32_t& oldest = counts_[static_cast<std::size_t>(step_ + i) % steps];
    sum_ -= oldest;
    oldest = 0;
  }
  step_ = std::max(step, step_);
  return sum_;
}

}  // namespace dnscache
