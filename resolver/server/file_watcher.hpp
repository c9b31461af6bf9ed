// Notices when files change.
#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace dnscache {

/// Watches files wherever they are or will be (inotify(7)): most are replaced rather than written,
/// some are mounts that are written through another folder, some lie behind links that lead
/// elsewhere later, or in folders that come later. In a folder every file is watched.
class FileWatcher {
 public:
  /// Calls `changed` on the io_context's thread once nothing has happened to the files for
  /// `settle_time`, or at the latest ten times that after the first event; several changes in a row
  /// are one. Writers often truncate first and write then.
  FileWatcher(asio::io_context& io, std::vector<std::filesystem::path> files,
              std::function<void()> changed,
              std::chrono::milliseconds settle_time = std::chrono::milliseconds(100));
  ~FileWatcher();
  FileWatcher(const FileWatcher&) = delete;
  FileWatcher& operator=(const FileWatcher&) = delete;

 private:
  struct Watch {
    int descriptor;
    std::filesystem::path name;  // in its folder; empty: the file itself, or any in the folder
  };

  void watch_all();
  void watch(const std::filesystem::path& file);
  void add(const std::filesystem::path& path, const std::filesystem::path& name);
  void wait();
  void settle();
  bool read_events();

  std::vector<std::filesystem::path> files_;
  std::function<void()> changed_;
  std::chrono::milliseconds settle_time_;
  asio::posix::stream_descriptor inotify_;
  asio::steady_timer settle_;
  std::optional<std::chrono::steady_clock::time_point> unsettled_since_;
  std::vector<Watch> watches_;
  std::shared_ptr<bool> alive_;  // handlers that are on their way already ask it
};

}  // namespace dnscache
