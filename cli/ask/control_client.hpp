// Talking to the running engine over its control socket: one JSON line each way.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "resolver/base/counters.hpp"
#include "resolver/base/endpoint.hpp"
#include "resolver/base/error.hpp"
#include "resolver/base/file_descriptor.hpp"

namespace dnscache::cli {

/// Sends one request and returns the engine's reply. Errors: ExitCode::not_running when nobody
/// listens there, no_rights when the socket may not be used, failure for a time-out, a reply that
/// is not a JSON object, and for `"ok": false`, whose text becomes the message.
Result<nlohmann::json> ask_engine(const std::filesystem::path& socket,
                                  const nlohmann::json& request,
                                  std::chrono::milliseconds timeout = std::chrono::seconds(3));

/// The same for commands that are answered by many lines: `use` gets all but the last, which is
/// returned. `timeout` is how long to wait for each.
Result<nlohmann::json> ask_engine_for_lines(
    const std::filesystem::path& socket, const nlohmann::json& request,
    const std::function<void(nlohmann::json&&)>& use,
    std::chrono::milliseconds timeout = std::chrono::seconds(10));

/// A connection to the engine for many commands.
class EngineConnection {
 public:
  static Result<EngineConnection> open(const std::filesystem::path& socket);

  /// As ask_engine().
  Result<nlohmann::json> ask(const nlohmann::json& request,
                             const std::function<void(nlohmann::json&&)>& use = {},
                             std::chrono::milliseconds timeout = std::chrono::seconds(3));
  /// False once the engine has not answered.
  bool is_open() const { return is_open_; }

 private:
  EngineConnection(std::filesystem::path socket, FileDescriptor fd)
      : socket_(std::move(socket)), fd_(std::move(fd)) {}
  std::optional<std::string> receive_line(std::chrono::milliseconds timeout);

  std::filesystem::path socket_;
  FileDescriptor fd_;
  std::string received_;
  std::size_t used_ = 0;  // bytes of received_ that were given out
  bool is_open_ = true;
};

/// One upstream as the engine sees it.
struct UpstreamStatus {
  std::string zone;     ///< the group it belongs to, "." for the default one
  std::string address;  ///< "192.0.2.1:53"
  std::string protocol;
  std::string state;  ///< healthy, untried, suspect or down
  std::optional<double> rtt_ms;
  std::optional<double> rtt_p99_ms;
  std::vector<std::optional<double>> rtt_recent_ms;  ///< the oldest first; none: timed out
  UpstreamCounters counters;
  std::uint64_t packets_per_second = 0;
  std::uint64_t packets_per_second_peak = 0;
  std::optional<std::uint64_t> quota;    ///< packets per second
  std::string last_failure;              ///< empty: none yet
  std::vector<std::string> limitations;  ///< "without EDNS: …", see Limitation
  std::optional<double> last_failure_seconds_ago;
};

/// The servers for the names of one zone, and who lists them.
struct ServerGroup {
  std::string zone;                  ///< "." for all others
  std::string source;                ///< "configuration", "systemd-resolved, link wg0"
  std::vector<std::string> servers;  ///< "10.0.0.2:53 (ens5)"
};

/// What became of the questions that were validated (RFC 4035 section 4.3).
struct ValidationCounts {
  std::uint64_t secure = 0;
  std::uint64_t insecure = 0;
  std::uint64_t bogus = 0;
};

/// What is written against what is in force.
struct ConfigurationStatus {
  std::string file;
  std::vector<std::string> problems;  ///< why the file is not in force
  bool has_changed = false;           ///< since it was read
};

/// The engine's counters and state; what a reply does not have stays at zero.
struct EngineStatus {
  std::string probe_zone;  ///< only this engine has names there; empty: of an older version
  std::string version;
  int pid = 0;
  double uptime_seconds = 0;
  std::uint64_t workers = 0;
  std::vector<Endpoint> listen;
  ConfigurationStatus configuration;
  QueryTotals queries;
  std::optional<ValidationCounts> dnssec;  ///< none: the engine does not validate
  std::uint64_t entries = 0;
  std::uint64_t cache_bytes = 0;
  std::uint64_t cache_size_bytes = 0;
  std::uint64_t evictions = 0;
  std::uint64_t memory_limit = 0;  ///< bytes; 0: an older engine, which has none
  std::uint64_t resident_memory = 0;
  std::uint64_t dropped = 0;  ///< questions that gave way to others
  /// Packets that EC2 dropped on their way to link-local services; nothing elsewhere.
  std::optional<std::uint64_t> linklocal_allowance_exceeded;
  std::vector<UpstreamStatus> upstreams;
  std::vector<ServerGroup> groups;
  nlohmann::json reply;  ///< the whole of it, for --json
};

/// Where the engine's socket is: `wanted` if there is one, else what the configuration file says,
/// else the default.
std::filesystem::path control_path(const std::filesystem::path& wanted);

EngineStatus parse_status(const nlohmann::json& reply);

/// `{"command":"status"}`, parsed.
Result<EngineStatus> engine_status(const std::filesystem::path& socket);

}  // namespace dnscache::cli
