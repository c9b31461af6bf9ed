#include "cli/bench/engine_copy.hpp"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <fstream>

#include "cli/bench/load.hpp"
#include "cli/host/engine_process.hpp"
#include "cli/unique_fd.hpp"
#include "resolver/config/read.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;

constexpr int tries_for_a_port = 5;

// Free for UDP and TCP a moment ago; the engine says so when it is not any more.
Result<Endpoint> free_address() {
  Endpoint endpoint{IpAddress::v4(127, 0, 0, 1), 0};
  for (int i = 0; i < tries_for_a_port; ++i) {
    const UniqueFd tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const UniqueFd udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!tcp || !udp) return system_error("cannot make a socket", errno);
    endpoint.port = 0;
    sockaddr_storage address{};
    auto size = endpoint.to_sockaddr(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(tcp.get(), generic, size) != 0) continue;
    if (::getsockname(tcp.get(), generic, &size) != 0) continue;
    if (::bind(udp.get(), generic, size) != 0) continue;
    if (const auto bound = Endpoint::from_sockaddr(address)) return *bound;
  }
  return system_error("no port is free on 127.0.0.1", errno);
}

// Local data, limits and manners of the cache stay; whatever is seen outside of the copy goes.
Config config_for(const CopySettings& settings, const Endpoint& address, const fs::path& control) {
  auto reading = read_config_file_or_default({});
  Config config = reading ? reading.config : Config{};
  config.listen = {address};
  config.control = control;
  config.workers = settings.workers;
  config.upstreams.clear();
  for (const auto& endpoint : settings.upstreams)
    config.upstreams.push_back({endpoint, Protocol::udp, ""});
  config.quota.packets_per_second = settings.quota;
  config.routes.clear();
  config.metrics = {};
  config.query_log = {};
  config.rate_limit = {};
  config.cache.persist.clear();
  config.log_level = LogLevel::warning;
  return config;
}

}  // namespace

Result<std::unique_ptr<EngineCopy>> EngineCopy::start(const CopySettings& settings) {
  std::string pattern = (fs::temp_directory_path() / "dnscachectl-bench-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    return system_error("cannot make a folder in " + fs::temp_directory_path().string(), errno);
  }
  std::unique_ptr<EngineCopy> copy(new EngineCopy(pattern));
  Result<void> started;
  for (int i = 0; i < tries_for_a_port && !is_bench_interrupted(); ++i) {
    started = copy->run(settings);
    if (started) return copy;
  }
  if (is_bench_interrupted()) return Error{"interrupted"};
  return Error{"cannot start a copy of the engine: " + started.error().message};
}

Result<void> EngineCopy::run(const CopySettings& settings) {
  const auto address = free_address();
  if (!address) return address.error();
  address_ = *address;
  const auto config = directory_ / "config.yaml";
  if (!(std::ofstream(config) << print_config(config_for(settings, address_, control())))) {
    return Error{"cannot write " + config.string()};
  }
  const EngineFiles files{config, control(), directory_ / "log", true};
  const auto pid = start_engine(files, is_bench_interrupted);
  if (!pid) {
    (void)stop_engines(config);
    return pid.error();
  }
  pid_ = *pid;
  return {};
}

EngineCopy::~EngineCopy() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);  // it has nothing to save
    ::waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

}  // namespace dnscache::cli
