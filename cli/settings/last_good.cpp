#include "cli/settings/last_good.hpp"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string>

#include "resolver/base/log.hpp"
#include "resolver/base/text_file.hpp"
#include "resolver/config/read.hpp"

namespace dnscache::cli {

namespace {

constexpr std::size_t max_size = 16u << 20;  // bytes: with every default written out

}  // namespace

LastGood LastGood::of_service() {
  const char* directories = std::getenv("CACHE_DIRECTORY");
  const std::string first = directories == nullptr ? "" : directories;
  if (first.empty()) return LastGood({});
  return LastGood(std::filesystem::path(first.substr(0, first.find(':'))) / "last-good.yaml");
}

std::optional<Config> LastGood::read() const {
  std::error_code ignored;
  if (path_.empty() || !std::filesystem::exists(path_, ignored)) return std::nullopt;
  auto reading = read_config_file(path_);
  if (!reading) return std::nullopt;
  return std::move(reading.config);
}

void LastGood::keep(const Config& config) const {
  if (path_.empty()) return;
  const std::string text = print_config(config);
  const auto present = read_text_file(path_, max_size);
  if (present && *present == text) return;
  // The service may change neither owners nor modes of files; its UMask= leaves them to itself.
  auto fresh = path_;
  fresh += ".new";
  std::ofstream file(fresh, std::ios::trunc);
  std::error_code error;
  if (file << text << std::flush) std::filesystem::rename(fresh, path_, error);
  if (file && !error) return;
  log_warning("the configuration is in force, but cannot be saved as {}: {}", path_.string(),
              error ? error.message() : errno_text(errno));
}

}  // namespace dnscache::cli
