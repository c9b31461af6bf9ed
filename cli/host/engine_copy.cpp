#include "cli/host/engine_copy.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <random>

#include "cli/host/engine_process.hpp"
#include "cli/show/interrupt.hpp"
#include "resolver/config/read.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::uint16_t private_port = 20053;

Config config_here() {
  auto reading = read_config_file_or_default({});
  return reading ? reading.config : Config{};
}

}  // namespace

Endpoint private_address() {
  std::random_device random;
  const auto byte = [&] { return static_cast<std::uint8_t>(1 + random() % 254); };
  return {IpAddress::v4(127, byte(), byte(), byte()), private_port};
}

Config copy_of(Config config, const std::vector<Endpoint>& relays, std::uint32_t quota) {
  config.workers = 1;
  config.upstreams.clear();
  for (const auto& relay : relays) config.upstreams.push_back({relay, Protocol::udp, ""});
  config.quota.packets_per_second = quota;
  config.metrics = {};
  config.query_log = {};
  config.rate_limit = {};
  config.cache.persist.clear();
  config.log_level = LogLevel::warning;
  return config;
}

std::vector<std::string> left_out_of_copies() {
  const auto upstreams = config_here().upstreams;
  const auto by_tls = std::ranges::find(upstreams, Protocol::tls, &UpstreamConfig::protocol);
  if (by_tls == upstreams.end()) return {};
  return {"the cache's upstreams over TLS were not asked: relays stand before servers over UDP"};
}

Result<void> EngineCopy::start(const std::vector<Endpoint>& relays, std::uint32_t quota) {
  std::string pattern = (fs::temp_directory_path() / "dnscachectl-bench-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) return system_error("cannot make " + pattern, errno);
  directory_ = pattern;
  const auto file = directory_ / "config.yaml";
  auto config = copy_of(config_here(), relays, quota);
  config.listen = {address_};
  config.control = control();
  if (!(std::ofstream(file) << print_config(config))) return Error{"cannot write " + file.string()};
  const auto pid = start_engine({file, control(), directory_ / "log", true}, is_interrupted);
  if (!pid) {
    (void)stop_engines(file);
    return Error{"cannot start a copy of the engine: " + pid.error().message};
  }
  pid_ = *pid;
  return {};
}

EngineCopy::~EngineCopy() {
  if (is_running()) {
    ::kill(pid_, SIGKILL);  // it has nothing to save
    ::waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  if (!directory_.empty()) fs::remove_all(directory_, ignored);
}

}  // namespace dnscache::cli
