// How many queries a network of clients may send.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "resolver/config/config.hpp"

namespace dnscache {

/// A token bucket for each network of clients (IPv4 /24, IPv6 /56) in a table of fixed size, safe
/// to use from any thread. When more networks than the table holds are active at once, some are
/// given a fresh bucket: it may let too much through, never too little.
class RateLimiter {
 public:
  explicit RateLimiter(const RateLimitConfig& config);

  /// Takes a token; false when there is none. `now` in milliseconds.
  bool take(const IpAddress& client, std::uint64_t now);

  static constexpr std::size_t memory = 16384 * 8;  ///< bytes of the table

 private:
  using Slot = std::atomic<std::uint64_t>;

  std::uint32_t interval_;   // ticks that a token takes to come back
  std::uint32_t tolerance_;  // ticks by which a bucket may be ahead of the clock: the burst
  std::uint64_t seed_;
  std::unique_ptr<Slot[]> slots_;
};

}  // namespace dnscache
