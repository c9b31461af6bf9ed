// When the cache is written to its snapshot.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <chrono>
#include <thread>

#include "resolver/cache/cache.hpp"
#include "resolver/config/config.hpp"

namespace dnscache {

/// Keeps the file `cache.persist` up to date: loads it, writes it now and then on a thread of its
/// own, and at the end. What fails is one line in the log.
class Snapshots {
 public:
  Snapshots(asio::io_context& io, Cache& cache, const Config& config,
            std::chrono::steady_clock::duration interval = std::chrono::minutes(5));
  ~Snapshots();

  /// While no server is known yet, whatever servers its answers came from; else those of the same.
  void load();
  /// Writes every `interval` from now on.
  void start();
  /// Takes over another configuration; call it before the cache is filled by other upstreams.
  void configure(const Config& config);
  /// Writes a last time, on this thread; nothing else may use the cache any more.
  void finish();

 private:
  void write(unsigned generation, const std::filesystem::path& path, std::uint64_t upstreams);
  void write_in_background();

  Cache& cache_;
  asio::steady_timer timer_;
  std::chrono::steady_clock::duration interval_;
  std::filesystem::path path_;
  CacheConfig config_;
  std::uint64_t upstreams_;
  bool has_upstreams_;
  std::atomic<unsigned> generation_ = 0;  // a snapshot begun in an earlier one is thrown away
  std::atomic<bool> is_writing_ = false;
  std::thread writer_;
};

}  // namespace dnscache
