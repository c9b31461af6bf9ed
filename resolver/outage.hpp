// Whether lookups fail altogether, and not only for some names.
#pragma once

#include <optional>
#include <vector>

#include "resolver/upstream/timers.hpp"
#include "resolver/wire/name.hpp"

namespace dnscache {

/// Several names in a row that could not be resolved, without one in between that could. Pure.
class Outage {
 public:
  /// True when this failure is the one that makes an outage of them.
  bool failed(const Name& name, TimePoint now);
  /// How long the outage that ends with this answer has lasted; nothing: there was none.
  std::optional<Duration> answered(TimePoint now);

  bool is_suspected() const { return !names_.empty(); }  ///< a lookup failed since the last answer
  bool is_on() const { return names_.size() == enough; }
  TimePoint since() const { return since_; }

 private:
  static constexpr std::size_t enough = 3;  // a few broken zones are no outage

  std::vector<Name> names_;  // different ones, `enough` at most
  TimePoint since_{};
};

}  // namespace dnscache
