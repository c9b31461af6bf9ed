// Expired data, given out while no upstream answers (RFC 8767).
#pragma once

#include <optional>

#include "resolver/cache/cache.hpp"
#include "resolver/config/config.hpp"

namespace dnscache {

/// What the cache has for a question that no upstream answers, as `config` allows it: expired, or
/// fresh all the same; marked as stale (Answer::is_stale()). What was learnt with DO set serves
/// those who do not set it, and the other way round, without signatures. `hash` is the question's.
std::optional<Answer> stale_answer(const Cache& cache, const Question& question, std::uint64_t hash,
                                   CacheSeconds now, const ServeStaleConfig& config);

}  // namespace dnscache
