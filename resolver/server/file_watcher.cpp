#include "resolver/server/file_watcher.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

namespace dnscache {
namespace {

using namespace std::chrono_literals;

constexpr auto settle_time = 100ms;  // writers often truncate first and write then
constexpr std::uint32_t events_of_interest =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE;

}  // namespace

FileWatcher::FileWatcher(asio::io_context& io, std::vector<std::filesystem::path> files,
                         std::function<void()> changed)
    : files_(std::move(files)),
      changed_(std::move(changed)),
      inotify_(io),
      settle_(io),
      alive_(std::make_shared<bool>(true)) {
  const int fd = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (fd < 0) return;  // the user's limit of instances: changes then need a reload by hand
  inotify_.assign(fd);
  watch_all();
  wait();
}

FileWatcher::~FileWatcher() { *alive_ = false; }

void FileWatcher::watch_all() {
  watches_.clear();
  for (const auto& file : files_) {
    watch(file);
    std::error_code error;
    const auto target = std::filesystem::canonical(file, error);
    if (!error && target != file) watch(target);
    if (!error && std::filesystem::is_directory(target, error)) watch_folder(target);
  }
}

// Watching the same folder twice gives the same descriptor.
void FileWatcher::watch(const std::filesystem::path& file) {
  const int descriptor =
      ::inotify_add_watch(inotify_.native_handle(), file.parent_path().c_str(), events_of_interest);
  if (descriptor >= 0) watches_.push_back({descriptor, file.filename()});
}

void FileWatcher::watch_folder(const std::filesystem::path& folder) {
  const int descriptor =
      ::inotify_add_watch(inotify_.native_handle(), folder.c_str(), events_of_interest);
  if (descriptor >= 0) watches_.push_back({descriptor, {}});
}

void FileWatcher::wait() {
  inotify_.async_wait(asio::posix::stream_descriptor::wait_read,
                      [this, alive = alive_](std::error_code error) {
                        if (error || !*alive) return;
                        if (read_events()) settle();
                        wait();
                      });
}

void FileWatcher::settle() {
  settle_.expires_after(settle_time);
  settle_.async_wait([this, alive = alive_](std::error_code cancelled) {
    if (cancelled || !*alive) return;
    watch_all();  // a link may lead elsewhere now
    changed_();
  });
}

// True when one of the events is about one of the files.
bool FileWatcher::read_events() {
  alignas(inotify_event) std::array<char, 4096> buffer;
  bool is_ours = false;
  for (;;) {
    const ssize_t size = ::read(inotify_.native_handle(), buffer.data(), buffer.size());
    if (size <= 0) return is_ours;
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* name = event.len != 0 ? buffer.data() + at + sizeof event : "";
      const int folder = event.wd;  // clang captures no structure with a flexible array
      is_ours = is_ours || std::ranges::any_of(watches_, [&](const Watch& watch) {
                  return watch.descriptor == folder && (watch.name.empty() || watch.name == name);
                });
      at += sizeof event + event.len;
    }
  }
}

}  // namespace dnscache
