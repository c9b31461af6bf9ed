// Queries as they are answered, for people who watch.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "resolver/base/error.hpp"
#include "resolver/server/control.hpp"
#include "resolver/server/query_log.hpp"

namespace dnscache {

/// Hands queries to watchers while there are any. add() never waits: what comes too fast is dropped
/// and counted, in bounded memory.
class Monitor {
 public:
  Monitor();
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  bool is_on() const { return watchers_.load(std::memory_order_relaxed) != 0; }
  /// From any thread.
  void add(const LoggedQuery& query);

  /// Lines of JSON until the client goes: one for each query that "zone", "client" and "failed" of
  /// the request let through, and each second the number of those that were dropped. On one thread,
  /// which is also that of the replies.
  Result<ControlReply> watch(const nlohmann::json& request);

 private:
  struct Record;
  struct Watcher;
  void hand_out();

  std::atomic<unsigned> watchers_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::mutex mutex_;
  std::vector<Record> records_;  // under the mutex
  std::vector<std::weak_ptr<Watcher>> watching_;
};

}  // namespace dnscache
