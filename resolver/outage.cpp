#include "resolver/outage.hpp"

#include <algorithm>
#include <utility>

namespace dnscache {

bool Outage::failed(const Name& name, TimePoint now) {
  if (is_on_) return false;
  if (names_.empty()) since_ = now;
  const bool is_known = std::ranges::find(names_, name) != names_.end();
  if (!is_known && names_.size() < enough) names_.push_back(name);
  is_on_ = names_.size() == enough && now - since_ >= patience;
  return is_on_;
}

std::optional<Duration> Outage::answered(TimePoint now) {
  const bool was_on = std::exchange(is_on_, false);
  names_.clear();
  return was_on ? std::optional(now - since_) : std::nullopt;
}

}  // namespace dnscache
