// A line for each query, for people who look for one.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "resolver/base/error.hpp"
#include "resolver/config/config.hpp"
#include "resolver/upstream/timers.hpp"
#include "resolver/wire/protocol.hpp"
#include "resolver/wire/query.hpp"

namespace dnscache {

enum class Transport { udp, tcp };

/// What is told of one query: who asked what, and what became of it.
struct LoggedQuery {
  std::optional<Endpoint> client;
  Transport transport;
  const Question& question;
  Rcode rcode;
  const char* origin;                 ///< "cache", "local", "upstream", "stale", …
  std::optional<Duration> took = {};  ///< of one that was resolved
  ExtendedError extended_error = ExtendedError::none;
  std::optional<Endpoint> upstream = {};  ///< that gave the answer
  bool is_malformed = false;              ///< the question was not read: the name is the root
};

/// The line of `monitor --json` and of a query log in JSON; its shape is monitor.schema.json.
nlohmann::json to_json(const LoggedQuery& query, std::chrono::system_clock::time_point time);

/// Writes queries to a file or to standard error on a thread of its own. What that thread cannot
/// keep up with is dropped, the oldest first, and counted: no lookup waits for its line. From any
/// thread.
class QueryLog {
 public:
  /// `memory`: bytes for lines that wait to be written.
  explicit QueryLog(std::size_t memory);
  ~QueryLog();
  QueryLog(const QueryLog&) = delete;
  QueryLog& operator=(const QueryLog&) = delete;

  /// Takes other settings; the file is opened anew, as logrotate(8) wants it. With an error, which
  /// names the file, everything stays as it was. From one thread.
  Result<void> configure(const QueryLogConfig& config);

  bool is_on() const { return level_.load(std::memory_order_relaxed) != QueryLogLevel::off; }
  void add(const LoggedQuery& query);
  /// Lines that were lost.
  std::uint64_t dropped() const;

 private:
  struct Writer;
  static void retire(std::shared_ptr<Writer> writer);

  std::size_t queue_size_;  // lines
  std::atomic<QueryLogLevel> level_{QueryLogLevel::off};
  std::atomic<std::shared_ptr<Writer>> writer_;
  std::atomic<std::uint64_t> dropped_before_{0};  // by writers that were replaced
};

}  // namespace dnscache
