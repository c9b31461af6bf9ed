// The counter of packets that EC2 dropped on their way to link-local services.
#pragma once

#include <cstdint>
#include <optional>

#include "resolver/upstream/timers.hpp"

namespace dnscache {

/// The sum of `linklocal_allowance_exceeded` over all interfaces of the ENA driver: packets to the
/// VPC's resolver, the instance metadata and the time service that were dropped because there were
/// more than 1,024 per second (Amazon EC2 user guide, "Metrics for the ENA driver"). Read with the
/// SIOCETHTOOL ioctl; nothing where no interface has the counter.
std::optional<std::uint64_t> read_linklocal_allowance_exceeded();

/// Tells whether link-local upstreams are being throttled right now.
class ThrottleWatch {
 public:
  /// The counter has grown within the last second. Reads it at most ten times a second.
  bool is_throttled(TimePoint now);

 private:
  std::optional<std::uint64_t> dropped_;
  TimePoint read_at_{};
  TimePoint grew_at_{};
  bool has_counter_ = true;
};

}  // namespace dnscache
