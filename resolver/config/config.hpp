// The configuration as plain values with their defaults; see dnscachectl.yaml(5).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "resolver/base/endpoint.hpp"
#include "resolver/base/log_level.hpp"
#include "resolver/base/words.hpp"
#include "resolver/wire/name.hpp"

namespace dnscache {

using namespace std::chrono_literals;

inline constexpr std::uint16_t dns_port = 53;
inline constexpr std::uint16_t metrics_port = 9153;      ///< as CoreDNS has it
inline constexpr std::uint16_t dns_over_tls_port = 853;  ///< RFC 7858

/// How packets travel to an upstream. `udp` falls back to TCP for truncated answers.
enum class Protocol { udp, tcp, tls };
inline constexpr auto protocol_words =
    words_of<Protocol>({{Protocol::udp, "udp"}, {Protocol::tcp, "tcp"}, {Protocol::tls, "tls"}});

/// Which upstream of a group is asked first.
enum class SelectionPolicy {
  automatic,  ///< `fastest` for the addresses of Route 53 Resolver, else `ordered`
  fastest,    ///< the one with the lowest round-trip time: all must know the same names
  ordered,    ///< in the written order; the next one only when the one before has failed
  parallel,   ///< all of them, each time
};
inline constexpr auto policy_words =
    words_of<SelectionPolicy>({{SelectionPolicy::automatic, "auto"},
                               {SelectionPolicy::fastest, "fastest"},
                               {SelectionPolicy::ordered, "ordered"},
                               {SelectionPolicy::parallel, "parallel"}});

/// One server that resolves names for us.
struct UpstreamConfig {
  Endpoint endpoint;
  Protocol protocol = Protocol::udp;
  std::string tls_name;  ///< name in the server's certificate; empty: its address must be in it
  /// The interface that the machine's DNS manager lists it for; empty: none. Servers of different
  /// interfaces do not stand in for each other, as with systemd-resolved.service(8).
  std::string link{};
  /// The interface that its link-local address is written with, which may be gone, come later, or
  /// come back under another index; empty: none, or its index is written.
  std::string interface {};

  bool operator==(const UpstreamConfig&) const = default;
};

/// Names at and below `zone` go to their own upstreams (split DNS).
struct RouteConfig {
  Name zone;
  std::vector<UpstreamConfig> upstreams;  ///< empty: NXDOMAIN is answered locally
  /// Who says so, "systemd-resolved, link wg0"; empty: the configuration.
  std::string source{};

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
  std::chrono::seconds default_ttl = 5s;  ///< where the answer has no SOA record
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

/// When the names below one that does not exist are taken not to exist either (RFC 8020).
enum class NxdomainCut {
  never,
  validated,  ///< where DNSSEC proved it here; some servers deny names that have others below them
  always,
};
inline constexpr auto nxdomain_cut_words =
    words_of<NxdomainCut>({{NxdomainCut::never, "never"},
                           {NxdomainCut::validated, "validated"},
                           {NxdomainCut::always, "always"}});

/// What is kept, how much of it and for how long.
struct CacheConfig {
  std::uint64_t size = 0;  ///< bytes, everything counted; 0: half of Config::memory
  std::chrono::seconds min_ttl = 0s;
  std::chrono::seconds max_ttl = 24h;
  NegativeConfig negative;
  NxdomainCut nxdomain_cut = NxdomainCut::validated;
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

/// Whether reverse names of private addresses are answered here (RFC 6303).
enum class BogusPriv {
  automatic,  ///< unless an upstream has a private address itself, and so may know them
  always,
  never,
};
inline constexpr auto bogus_priv_words = words_of<BogusPriv>(
    {{BogusPriv::automatic, "auto"}, {BogusPriv::always, "true"}, {BogusPriv::never, "false"}});

/// Answers with private addresses that no private network gave (DNS rebinding).
struct RebindConfig {
  bool enabled = false;
  std::vector<Name> allow;  ///< zones whose names may have private addresses
  bool allow_localhost = false;
  bool private_upstreams = true;  ///< upstreams with a private address may answer with such

  bool operator==(const RebindConfig&) const = default;
};

/// How many queries a network of clients may send over UDP.
struct RateLimitConfig {
  std::uint32_t queries_per_second = 1000;  ///< 0: no limit
  std::uint32_t burst = 1000;               ///< queries at once, after a pause

  bool operator==(const RateLimitConfig&) const = default;
};

/// One record of the configuration, as in "db.corp.example 300 A 10.0.0.5".
struct LocalRecord {
  std::string text;  ///< as it was written
  Name name;
  std::uint16_t type = 0;
  std::optional<std::chrono::seconds> ttl;  ///< none: LocalConfig::ttl
  std::vector<std::uint8_t> data;           ///< wire form, uncompressed

  bool operator==(const LocalRecord&) const = default;
};

/// A domain whose names, all of them, have the same addresses.
struct LocalZoneConfig {
  Name zone;                         ///< the root: every name
  std::vector<IpAddress> addresses;  ///< empty: NXDOMAIN

  bool operator==(const LocalZoneConfig&) const = default;
};

/// What is said about a name that is blocked.
enum class BlockAnswer { nxdomain, null, refused };
inline constexpr auto block_answer_words =
    words_of<BlockAnswer>({{BlockAnswer::nxdomain, "nxdomain"},
                           {BlockAnswer::null, "null"},
                           {BlockAnswer::refused, "refused"}});

/// Names that are not to be resolved.
struct BlockConfig {
  std::vector<std::filesystem::path> files;
  std::vector<Name> allow;  ///< zones that stay resolvable
  BlockAnswer answer = BlockAnswer::nxdomain;

  bool operator==(const BlockConfig&) const = default;
};

/// Names that are known here.
struct LocalConfig {
  std::vector<std::filesystem::path> hosts_files{"/etc/hosts"};  ///< files and folders
  std::optional<Name> domain;
  bool expand_hosts = false;       ///< plain names in hosts files are names in `domain` too
  std::chrono::seconds ttl = 60s;  ///< of what has none of its own
  std::vector<LocalRecord> records;
  std::vector<LocalZoneConfig> zones;
  BlockConfig block;

  bool operator==(const LocalConfig&) const = default;
};

/// Which queries are logged one by one.
enum class QueryLogLevel {
  off,
  errors,  ///< those whose answer is neither data nor a statement that there is none
  all,
};
inline constexpr auto query_log_words = words_of<QueryLogLevel>(
    {{QueryLogLevel::off, "off"}, {QueryLogLevel::errors, "errors"}, {QueryLogLevel::all, "all"}});

enum class QueryLogFormat {
  text,
  json,  ///< one object a line
};
inline constexpr auto query_log_format_words =
    words_of<QueryLogFormat>({{QueryLogFormat::text, "text"}, {QueryLogFormat::json, "json"}});

struct QueryLogConfig {
  QueryLogLevel level = QueryLogLevel::off;
  std::filesystem::path file;  ///< empty: standard error, which under systemd is the journal
  QueryLogFormat format = QueryLogFormat::text;

  bool operator==(const QueryLogConfig&) const = default;
};

/// What is done about DNSSEC (RFC 4033).
enum class DnssecMode {
  off,          ///< signatures are neither asked for nor passed on
  passthrough,  ///< what client and upstream say to each other is passed on
  validate,     ///< signatures are checked here
};
inline constexpr auto dnssec_mode_words =
    words_of<DnssecMode>({{DnssecMode::off, "off"},
                          {DnssecMode::passthrough, "passthrough"},
                          {DnssecMode::validate, "validate"}});

/// Whether this program can validate: it was built with libunbound.
inline constexpr bool can_validate = DNSCACHE_DNSSEC != 0;

/// DNSSEC, and for `validate` where trust begins and ends.
struct DnssecConfig {
  DnssecMode mode = DnssecMode::passthrough;
  /// Files (absolute paths), or DS and DNSKEY records as in ". DS 20326 8 2 E06D44B8…".
  std::vector<std::string> trust_anchors{"/usr/share/dns/root.key"};
  std::vector<Name> negative_trust_anchors;  ///< zones that are not validated (RFC 7646)

  bool operator==(const DnssecConfig&) const = default;
};

inline constexpr const char* default_config_path = "/etc/dnscachectl/config.yaml";

/// 127.0.0.1:53 and [::1]:53.
std::vector<Endpoint> default_listen();

/// Everything that can be configured; a default-constructed value works as it is.
struct Config {
  std::vector<Endpoint> listen = default_listen();
  unsigned workers = 0;  ///< threads; 0: one per processor, at most 4
  /// Bytes that cache, outstanding questions, buffers and logs share; 0: see share_memory().
  std::uint64_t memory = 0;
  std::vector<UpstreamConfig> upstreams;
  /// A file in the form of resolv.conf(5), used while `upstreams` is empty; empty: whatever this
  /// machine uses.
  std::filesystem::path upstreams_from;
  std::string upstreams_source;  ///< who lists them, "systemd-resolved"; empty: the configuration
  SelectionPolicy policy = SelectionPolicy::automatic;
  bool randomize_case = true;  ///< of names in queries over UDP ("0x20")
  /// For one question in total; glibc gives up on us after 5 s, so we answer before that.
  std::chrono::milliseconds timeout = 4500ms;
  HedgeConfig hedge;
  HealthConfig health;
  QuotaConfig quota;
  std::vector<RouteConfig> routes;
  bool domain_needed = false;  ///< addresses of names without a dot are not asked for
  BogusPriv bogus_priv = BogusPriv::automatic;
  bool filter_a = false;     ///< IPv4 addresses are not asked for
  bool filter_aaaa = false;  ///< nor IPv6 ones
  bool round_robin = true;   ///< the addresses of a name come in another order in each reply
  RebindConfig rebind_protection;
  std::vector<Network> bogus_nxdomain;    ///< an answer with such an address means NXDOMAIN
  std::vector<Network> ignore_addresses;  ///< an answer with such an address counts as a failure
  DnssecConfig dnssec;
  LocalConfig local;
  std::vector<Network> acl;  ///< clients other than this machine that are served
  RateLimitConfig rate_limit;
  CacheConfig cache;
  std::filesystem::path control = "/run/dnscachectl/control.sock";  ///< empty: none
  MetricsConfig metrics;
  QueryLogConfig query_log;
  LogLevel log_level = LogLevel::info;

  bool operator==(const Config&) const = default;
};

/// Who lists the servers for the names in a route's zone, or for all others (the root).
std::string servers_source(const Config& config, const Name& zone);

/// All upstreams, those of the routes behind the others; Answer::source is an index into it.
std::vector<UpstreamConfig> all_upstreams(const Config& config);

}  // namespace dnscache
