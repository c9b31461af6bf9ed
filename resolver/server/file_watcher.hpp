// Notices when files change.
#pragma once

#include <array>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

namespace dnscache {

/// Watches files by way of their folders (inotify(7)), because most are replaced rather than
/// written; where a path is a symbolic link, the file it leads to is watched as well, and where it
/// is a folder, every file in it.
class FileWatcher {
 public:
  /// Calls `changed` on the io_context's thread a moment after any of the files was written,
  /// replaced, made or removed; several changes in a row are one. Files and folders that do not
  /// exist yet are watched as far as that is possible.
  FileWatcher(asio::io_context& io, std::vector<std::filesystem::path> files,
              std::function<void()> changed);
  ~FileWatcher();
  FileWatcher(const FileWatcher&) = delete;
  FileWatcher& operator=(const FileWatcher&) = delete;

 private:
  struct Watch {
    int descriptor;
    std::filesystem::path name;  // in its folder; empty: any
  };

  void watch_all();
  void watch(const std::filesystem::path& file);
  void watch_folder(const std::filesystem::path& folder);
  void wait();
  void settle();
  bool read_events();

  std::vector<std::filesystem::path> files_;
  std::function<void()> changed_;
  asio::posix::stream_descriptor inotify_;
  asio::steady_timer settle_;
  std::vector<Watch> watches_;
  std::shared_ptr<bool> alive_;  // handlers that are on their way already ask it
};

}  // namespace dnscache
