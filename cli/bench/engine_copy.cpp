#include "cli/bench/engine_copy.hpp"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "cli/bench/load.hpp"
#include "cli/host/engine_process.hpp"
#include "resolver/base/file_descriptor.hpp"
#include "resolver/config/read.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;

constexpr int tries_for_a_port = 5;

// Free for UDP and TCP a moment ago; the engine says so when it is not any more.
Result<Endpoint> free_address() {
  Endpoint endpoint{IpAddress::v4(127, 0, 0, 1), 0};
  for (int i = 0; i < tries_for_a_port; ++i) {
    const FileDescriptor tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const FileDescriptor udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
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

Config config_here() {
  auto reading = read_config_file_or_default({});
  return reading ? reading.config : Config{};
}

}  // namespace

Config copy_of(Config config, const CopySettings& settings, const Endpoint& address,
               const fs::path& control) {
  config.listen = {address};
  config.control = control;
  config.workers = settings.workers;
  config.upstreams.clear();
  for (const auto& endpoint : settings.upstreams)
    config.upstreams.push_back({endpoint, Protocol::udp, ""});
  config.quota.packets_per_second = settings.quota;
  config.metrics = {};
  config.query_log = {};
  config.rate_limit = {};
  config.cache.persist.clear();
  config.log_level = LogLevel::warning;
  return config;
}

std::string left_out_of_copies() {
  const auto config = config_here();
  const auto by_tls = [](const UpstreamConfig& upstream) {
    return upstream.protocol == Protocol::tls;
  };
  if (std::ranges::none_of(config.upstreams, by_tls)) return "";
  return "the cache's upstreams over TLS were not asked: relays stand before servers over UDP";
}

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
  if (!(std::ofstream(config) << print_config(
            copy_of(config_here(), settings, address_, control())))) {
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
