// The configuration as plain values with their defaults; see dnscachectl.yaml(5).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "resolver/endpoint.hpp"
#include "resolver/wire/name.hpp"

namespace dnscache {

using namespace std::chrono_literals;

inline constexpr std::uint16_t dns_port = 53;
inline constexpr std::uint16_t metrics_port = 9153;      ///< as CoreDNS has it
inline constexpr std::uint16_t dns_over_tls_port = 853;  ///< RFC 7858

/// How packets travel to an upstream. `udp` falls back to TCP for truncated answers.
enum class Protocol { udp, tcp, tls };

/// Which upstream of a group is asked first.
enum class SelectionPolicy {
  fastest,   ///< the one with the lowest round-trip time
  ordered,   ///< the first in the written order that is healthy
  parallel,  ///< all of them, each time
};

/// One server that resolves names for us.
struct UpstreamConfig {
  Endpoint endpoint;
  Protocol protocol = Protocol::udp;
  std::string tls_name;  ///< name in the server's certificate; empty: its address must be in it

  bool operator==(const UpstreamConfig&) const = default;
};

/// Names at and below `zone` go to their own upstreams (split DNS).
struct RouteConfig {
  Name zone;
  std::vector<UpstreamConfig> upstreams;  ///< empty: NXDOMAIN is answered locally

  bool operator==(const RouteConfig&) const = default;
};

/// When a second upstream is asked before the first has timed out.
struct HedgeConfig {
  std::optional<std::chrono::milliseconds> after;  ///< none: from the measured round-trip time
  double budget = 0.05;                            ///< share of questions, 0 to 1

  bool operator==(const HedgeConfig&) const = default;
};

/// How a silent upstream is probed until it answers again.
struct HealthConfig {
  std::chrono::milliseconds probe_interval = 250ms;  ///< first; doubles up to the maximum
  std::chrono::milliseconds probe_interval_max = 5s;

  bool operator==(const HealthConfig&) const = default;
};

/// How many packets a second one upstream may be sent.
struct QuotaConfig {
  /// None: 1,024 for the resolvers of an EC2 VPC, no limit for others. 0: no limit.
  std::optional<std::uint32_t> packets_per_second;

  bool operator==(const QuotaConfig&) const = default;
};

/// How long answers without data are kept (RFC 2308).
struct NegativeConfig {
  std::chrono::seconds default_ttl = 60s;  ///< where the answer has no SOA record
  std::chrono::seconds max_ttl = 1h;

  bool operator==(const NegativeConfig&) const = default;
};

/// Answering with expired data while no upstream answers (RFC 8767).
struct ServeStaleConfig {
  bool enabled = true;
  std::chrono::milliseconds after = 900ms;  ///< for slow upstreams: 1 s is the promise
  std::chrono::seconds max_age = 24h;       ///< since the data expired
  std::chrono::seconds ttl = 30s;           ///< in the reply

  bool operator==(const ServeStaleConfig&) const = default;
};

/// What is kept, how much of it and for how long.
struct CacheConfig {
  std::uint64_t size = 64ull << 20;  ///< bytes, everything counted
  std::chrono::seconds min_ttl = 0s;
  std::chrono::seconds max_ttl = 24h;
  NegativeConfig negative;
  bool prefetch = true;  ///< refresh in the background in the last tenth of the lifetime
  ServeStaleConfig serve_stale;
  std::filesystem::path persist;  ///< snapshot file; empty: none

  bool operator==(const CacheConfig&) const = default;
};

/// Where monitoring systems can read what the engine counts.
struct MetricsConfig {
  std::optional<Endpoint> listen;  ///< none: nowhere

  bool operator==(const MetricsConfig&) const = default;
};

enum class LogLevel { debug, info, warning, error };

inline constexpr const char* default_config_path = "/etc/dnscachectl/config.yaml";

/// 127.0.0.1:53 and [::1]:53.
std::vector<Endpoint> default_listen();

/// Everything that can be configured; a default-constructed value works as it is.
struct Config {
  std::vector<Endpoint> listen = default_listen();
  unsigned workers = 0;  ///< threads; 0: one per processor, at most 4
  std::vector<UpstreamConfig> upstreams;
  std::filesystem::path upstreams_from = "/etc/resolv.conf";  ///< used while `upstreams` is empty
  SelectionPolicy policy = SelectionPolicy::fastest;
  /// For one question in total; glibc gives up on us after 5 s, so we answer before that.
  std::chrono::milliseconds timeout = 4500ms;
  HedgeConfig hedge;
  HealthConfig health;
  QuotaConfig quota;
  std::vector<RouteConfig> routes;
  CacheConfig cache;
  std::filesystem::path control = "/run/dnscachectl/control.sock";  ///< empty: none
  MetricsConfig metrics;
  LogLevel log_level = LogLevel::info;

  bool operator==(const Config&) const = default;
};

/// All upstreams, those of the routes behind the others; Answer::source is an index into it.
std::vector<UpstreamConfig> all_upstreams(const Config& config);

}  // namespace dnscache
