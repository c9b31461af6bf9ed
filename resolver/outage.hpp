// Whether lookups fail altogether, and not only for some names.
#pragma once

#include <optional>
#include <vector>

#include "resolver/upstream/timers.hpp"
#include "resolver/wire/name.hpp"

namespace dnscache {

/// Several names that could not be resolved for some seconds, without one in between that could.
/// Pure.
class Outage {
 public:
  /// True when this failure is the one that makes an outage of them.
  bool failed(const Name& name, TimePoint now);
  /// How long the outage that ends with this answer has lasted; nothing: there was none.
  std::optional<Duration> answered(TimePoint now);

  bool is_suspected() const { return !names_.empty(); }  ///< a lookup failed since the last answer
  bool is_on() const { return is_on_; }
  TimePoint since() const { return since_; }

 private:
  static constexpr std::size_t enough = 3;  // a few broken zones are no outage
  static constexpr Duration patience = std::chrono::seconds(5);

  std::vector<Name> names_;  // different ones, `enough` at most
  TimePoint since_{};
  bool is_on_ = false;
};

}  // namespace dnscache
