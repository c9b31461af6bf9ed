// Who asks for what, counted while somebody looks.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "resolver/server/query_log.hpp"

namespace dnscache {

/// What happened to the queries about one thing.
struct TrafficCounts {
  std::uint64_t queries = 0;
  std::uint64_t misses = 0;    ///< had to be resolved
  std::uint64_t nxdomain = 0;  ///< there is no such name
  std::uint64_t slow = 0;      ///< took more than 100 ms
  std::uint64_t off_by = 0;    ///< `queries` may be that much too high, never too low
};

/// The most frequent keys of a stream in bounded memory: Space-Saving (Metwally, Agrawal, El
/// Abbadi, 2005). A key that is not among them takes the place, and the count, of the rarest.
class SpaceSaving {
 public:
  explicit SpaceSaving(std::size_t capacity) : capacity_(capacity) {}

  TrafficCounts& count(const std::string& key);
  struct Item {
    std::string key;
    TrafficCounts counts;
  };
  /// The most frequent first.
  std::vector<Item> top(std::size_t limit) const;

 private:
  std::size_t capacity_;
  std::vector<Item> items_;
  std::unordered_map<std::string, std::size_t> places_;
};

/// Counts queries by name, zone and client on a thread of its own, from the first look on until
/// nobody has looked for a minute. add() never waits: what comes too fast is dropped and counted.
class Traffic {
 public:
  Traffic();
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  bool is_on() const { return is_on_.load(std::memory_order_relaxed); }
  /// From any thread.
  void add(const LoggedQuery& query);

  /// Begins to count, or goes on; what there is so far, `limit` of each kind.
  nlohmann::json look(std::size_t limit);

 private:
  struct Record;
  struct Stripe;
  struct Counted;

  void start();
  void run();
  void drain();
  void count(const Record& record);

  std::atomic<bool> is_on_{false};
  std::atomic<bool> is_stopping_{false};
  std::atomic<std::uint64_t> dropped_{0};
  std::vector<std::unique_ptr<Stripe>> stripes_;  // threads take turns
  std::mutex mutex_;                              // of what follows
  std::unique_ptr<Counted> counted_;
  std::chrono::steady_clock::time_point begun_at_{};
  std::chrono::steady_clock::time_point looked_at_{};
  std::thread thread_;
};

}  // namespace dnscache
