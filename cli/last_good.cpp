#include "cli/last_good.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "cli/host/file_state.hpp"
#include "resolver/config/read.hpp"
#include "resolver/log.hpp"

namespace dnscache::cli {

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
  auto wanted = FileState::regular(print_config(config), 0600);
  wanted.uid = ::geteuid();
  wanted.gid = ::getegid();
  const auto present = FileState::read(path_);
  if (present && present->has_same_content(wanted)) return;
  if (const auto written = write_state(path_, wanted); !written) {
    log_warning("the configuration is in force, but is not kept for a start with a wrong one: {}",
                written.error().message);
  }
}

}  // namespace dnscache::cli
