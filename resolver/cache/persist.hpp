// The cache in a file, to outlive a restart.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "resolver/base/error.hpp"
#include "resolver/cache/cache.hpp"
#include "resolver/config/config.hpp"

namespace dnscache {

/// The same moment on two clocks.
struct Moment {
  std::uint32_t wall = 0;  ///< seconds since 1970; ages in the file are counted by it
  CacheSeconds cache = 0;
};

/// The present moment.
Moment moment_now();

/// A number that stands for the upstreams and routes, in whatever order they are written.
std::uint64_t upstream_set(const Config& config);

/// Writes all answers to a temporary file beside `path`, on disk before it takes the place of
/// `path`; returns their number. `is_wanted` is asked once more right before that: when it says no,
/// the file stays as it was and 0 is returned. Locks the cache for short steps only; may run on any
/// thread. The layout is told in persist.cpp.
Result<std::uint64_t> write_snapshot(const Cache& cache, const std::filesystem::path& path,
                                     std::uint64_t upstreams, Moment now,
                                     const std::function<bool()>& is_wanted);

/// Stores what a snapshot holds and `config` still allows; returns the number of answers, 0 when
/// there is no such file. Nothing is stored, and the error says why, when the file is damaged, of
/// another version, of somebody else, or was written with other upstreams than these, if they are
/// known.
Result<std::uint64_t> load_snapshot(const std::filesystem::path& path,
                                    std::optional<std::uint64_t> upstreams,
                                    const CacheConfig& config, Moment now, Cache& cache);

/// The same from an open file descriptor; `path` is for errors.
Result<std::uint64_t> load_snapshot(int file, const std::filesystem::path& path,
                                    std::optional<std::uint64_t> upstreams,
                                    const CacheConfig& config, Moment now, Cache& cache);

}  // namespace dnscache
