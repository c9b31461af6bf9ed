#include "resolver/admission/rate_limit.hpp"

#include <sys/random.h>

#include <algorithm>
#include <cstring>

namespace dnscache {
namespace {

// A slot holds a tag that names the network and the moment at which its bucket is full again, the
// "theoretical arrival time" of the generic cell rate algorithm (ITU-T I.371): one word, changed in
// one step.
constexpr std::uint32_t ticks_per_ms = 1000;  // the moment wraps after 71 minutes
constexpr std::size_t slot_count = RateLimiter::memory / 8;
constexpr std::size_t ways = 4;  // slots that a network may be in

std::uint64_t mix(std::uint64_t value) {
  value = (value ^ value >> 32) * 0x9e3779b97f4a7c15;
  value = (value ^ value >> 29) * 0xbf58476d1ce4e5b9;
  return value ^ value >> 32;
}

std::uint64_t network_of(const IpAddress& client) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, client.bytes.data(), client.is_v6 ? 7 : 3);
  return client.is_v6 ? bits | 1ull << 63 : bits;
}

}  // namespace

RateLimiter::RateLimiter(const RateLimitConfig& config)
    : interval_(std::max(1000 * ticks_per_ms / config.queries_per_second, 1u)),
      tolerance_(static_cast<std::uint32_t>(
          std::min<std::uint64_t>(std::uint64_t{interval_} * config.burst, 1u << 30))),
      slots_(std::make_unique<Slot[]>(slot_count)) {
  while (::getrandom(&seed_, sizeof seed_, 0) != sizeof seed_) {
  }
}

bool RateLimiter::take(const IpAddress& client, std::uint64_t now_ms) {
  const std::uint64_t hash = mix(network_of(client) ^ seed_);
  const std::uint32_t tag = static_cast<std::uint32_t>(hash >> 32) | 1;  // 0: never used
  const auto now = static_cast<std::uint32_t>(now_ms * ticks_per_ms);
  const std::size_t first = hash % (slot_count / ways) * ways;
  // How far a slot's bucket is ahead of the clock; what is further than possible is from long ago.
  const auto ahead = [&](std::uint64_t word) {
    const std::uint32_t difference = static_cast<std::uint32_t>(word) - now;
    return difference <= tolerance_ + interval_ ? difference : 0;
  };
  std::size_t best = first;
  for (std::size_t i = first; i < first + ways; ++i) {
    const std::uint64_t word = slots_[i].load(std::memory_order_relaxed);
    if (word >> 32 == tag) {
      best = i;
      break;
    }
    // Else the bucket that is nearest to full is given up.
    if (ahead(word) < ahead(slots_[best].load(std::memory_order_relaxed))) best = i;
  }
  std::uint64_t word = slots_[best].load(std::memory_order_relaxed);
  for (;;) {
    const std::uint32_t used = word >> 32 == tag ? ahead(word) : 0;
    if (used + interval_ > tolerance_) return false;
    const std::uint64_t taken =
        std::uint64_t{tag} << 32 | static_cast<std::uint32_t>(now + used + interval_);
    if (slots_[best].compare_exchange_weak(word, taken, std::memory_order_relaxed)) return true;
  }
}

}  // namespace dnscache
