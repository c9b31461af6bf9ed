// What tests do to a cache and the product does not.
#pragma once

#include "resolver/cache/cache.hpp"

namespace dnscache::test {

/// Each returns how many answers it removed.
inline std::uint64_t flush_matching(Cache& cache, const Cache::EntryTest& matches) {
  std::uint64_t count = 0;
  for (CachePosition position; cache.flush_some(position, 4096, matches, count);) {
  }
  return count;
}
inline std::uint64_t flush_name(Cache& cache, const Name& name) {
  return flush_matching(
      cache, [&](const Entry& entry) { return std::ranges::equal(entry.name(), name.bytes()); });
}
inline std::uint64_t flush_zone(Cache& cache, const Name& zone) {
  return flush_matching(cache,
                        [&](const Entry& entry) { return is_within(entry.name(), zone.bytes()); });
}

}  // namespace dnscache::test
