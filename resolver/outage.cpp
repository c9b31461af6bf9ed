#include "resolver/outage.hpp"

#include <algorithm>

namespace dnscache {

bool Outage::failed(const Name& name, TimePoint now) {
  if (is_on() || std::ranges::find(names_, name) != names_.end()) return false;
  if (names_.empty()) since_ = now;
  names_.push_back(name);
  return is_on();
}

std::optional<Duration> Outage::answered(TimePoint now) {
  const bool was_on = is_on();
  names_.clear();
  return was_on ? std::optional(now - since_) : std::nullopt;
}

}  // namespace dnscache
