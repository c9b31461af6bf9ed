// `dnscachectl cache`: what is in the cache, and in and out of files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What one of the commands below `cache` was asked to do.
struct CacheOptions {
  std::filesystem::path control;  ///< empty: what the configuration says
  std::string zone;
  std::string name;
  std::string type;
  std::string file;        ///< "-": stdout or stdin
  std::uint32_t top = 50;  ///< 0: all
  bool is_text = false;    ///< dump: as in a zone file
  bool is_json = false;
};

Result<ExitCode> run_cache_list(const CacheOptions& options);
Result<ExitCode> run_cache_get(const CacheOptions& options);
Result<ExitCode> run_cache_dump(const CacheOptions& options);
Result<ExitCode> run_cache_load(const CacheOptions& options);

}  // namespace dnscache::cli
