// Keeps the local data in step with the configuration and the files that it names.
#pragma once

#include <asio/io_context.hpp>
#include <functional>
#include <memory>
#include <thread>

#include "resolver/local/local_data.hpp"
#include "resolver/server/file_watcher.hpp"

namespace dnscache {

/// Loads the local data, again whenever the configuration or one of its files changes, and hands
/// each new one out. Large files are read on a thread of their own, so that no lookup waits for
/// them.
class LocalDataKeeper {
 public:
  /// `publish` is called on the io_context's thread, or within configure().
  LocalDataKeeper(asio::io_context& io, std::function<void(LocalDataPtr)> publish);
  ~LocalDataKeeper();
  LocalDataKeeper(const LocalDataKeeper&) = delete;
  LocalDataKeeper& operator=(const LocalDataKeeper&) = delete;

  /// Loads at once, in this call; for the start.
  void start(const Config& config);
  /// The local data of another configuration: within this call, or for large files soon after.
  void configure(const Config& config);

 private:
  void watch();
  void load();
  void load_in_background();
  void take(const LoadedLocalData& loaded);

  asio::io_context& io_;
  std::function<void(LocalDataPtr)> publish_;
  Config config_;
  std::unique_ptr<FileWatcher> watcher_;
  std::thread loader_;
  bool is_loading_ = false;
  bool is_outdated_ = false;                // what is being loaded is no longer what is wanted
  std::shared_ptr<LocalDataKeeper*> self_;  // null once this is gone
};

}  // namespace dnscache
