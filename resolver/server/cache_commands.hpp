// The control commands that look into the cache and change it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "resolver/base/error.hpp"
#include "resolver/cache/cache.hpp"
#include "resolver/config/config.hpp"
#include "resolver/local/local_data.hpp"
#include "resolver/server/control.hpp"

namespace dnscache {

/// `flush`, `cache-list`, `cache-get` and `cache-dump`. Each step of the reply walks a small part
/// of the cache. An entry is a line; the last line is the one with the member "ok".
bool is_cache_command(const std::string& command);
Result<ControlReply> answer_cache_command(const std::string& command, const nlohmann::json& request,
                                          const Config& config, Cache& cache);

/// `cache-load`: stores one entry as `cache-dump` tells it, checked like an upstream's response.
Result<void> load_entry(const nlohmann::json& request, const CacheConfig& config,
                        const LocalData& local_data, Cache& cache);

}  // namespace dnscache
