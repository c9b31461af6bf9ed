// The last configuration that worked, kept so that a mistake in the file does not end the cache.
#pragma once

#include <filesystem>
#include <optional>

#include "resolver/config/config.hpp"

namespace dnscache::cli {

/// Lies in the service's cache directory (CACHE_DIRECTORY, systemd.exec(5)). Where there is none,
/// nothing is kept: whoever starts the engine by hand sees what is wrong.
class LastGood {
 public:
  static LastGood of_service();
  explicit LastGood(std::filesystem::path path) : path_(std::move(path)) {}

  /// Absent: none was kept, or this version cannot read it.
  std::optional<Config> read() const;
  /// Failing to write it is logged, and no error: the engine works.
  void keep(const Config& config) const;

 private:
  std::filesystem::path path_;  // empty: there is none
};

}  // namespace dnscache::cli
