#include "resolver/server/file_watcher.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <utility>

namespace dnscache {
namespace {

namespace fs = std::filesystem;

constexpr unsigned max_links = 40;  // as the kernel, path_resolution(7)
constexpr unsigned max_settle_times = 10;
constexpr std::uint32_t events_of_interest = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
                                             IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF;
// These are about a folder itself, so that everything in it is to be looked for anew.
constexpr std::uint32_t events_of_folder =
    IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_Q_OVERFLOW;

}  // namespace

FileWatcher::FileWatcher(asio::io_context& io, std::vector<fs::path> files,
                         std::function<void()> changed, std::chrono::milliseconds settle_time)
    : files_(std::move(files)),
      changed_(std::move(changed)),
      settle_time_(settle_time),
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
  const std::vector<Watch> former = std::exchange(watches_, {});
  for (const auto& file : files_) watch(file);
  for (const Watch& old : former) {
    if (std::ranges::count(watches_, old.descriptor, &Watch::descriptor) > 0) continue;
    ::inotify_rm_watch(inotify_.native_handle(), old.descriptor);
  }
}

// Goes the way of path_resolution(7) and watches where another file could come to stand: each link,
// the file itself, or the first part that is not there.
void FileWatcher::watch(const fs::path& file) {
  std::deque<fs::path> rest(file.begin(), file.end());
  fs::path at = "/";
  for (unsigned links = 0; !rest.empty() && links <= max_links;) {
    const fs::path part = rest.front();
    rest.pop_front();
    if (part.empty() || part == ".") continue;
    if (part == "/" || part == "..") {
      at = part == "/" ? part : at.parent_path();
      continue;
    }
    const fs::path next = at / part;
    std::error_code error;
    const bool is_link = fs::is_symlink(fs::symlink_status(next, error));
    const bool was_missing = !is_link && !fs::exists(next, error);
    if (was_missing || is_link || rest.empty()) add(at, part);
    if (was_missing && !fs::exists(fs::symlink_status(next, error))) return;
    if (was_missing) {  // it came before it was watched
      rest.push_front(part);
    } else if (is_link) {
      ++links;
      const fs::path target = fs::read_symlink(next, error);
      rest.insert(rest.begin(), target.begin(), target.end());
    } else {
      at = next;
    }
  }
  add(at, {});
}

// Watching the same file twice gives the same descriptor.
void FileWatcher::add(const fs::path& path, const fs::path& name) {
  const int descriptor =
      ::inotify_add_watch(inotify_.native_handle(), path.c_str(), events_of_interest);
  if (descriptor >= 0) watches_.push_back({descriptor, name});
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
  const auto now = std::chrono::steady_clock::now();
  if (!unsettled_since_) unsettled_since_ = now;
  const auto latest = *unsettled_since_ + max_settle_times * settle_time_;
  settle_.expires_at(std::min(now + settle_time_, latest));
  settle_.async_wait([this, alive = alive_](std::error_code cancelled) {
    if (cancelled || !*alive) return;
    unsettled_since_.reset();
    watch_all();
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
      const bool is_of_folder = (event.mask & events_of_folder) != 0;
      is_ours = is_ours || (event.mask & IN_Q_OVERFLOW) != 0 ||
                std::ranges::any_of(watches_, [&](const Watch& watch) {
                  return watch.descriptor == folder &&
                         (is_of_folder || watch.name.empty() || watch.name == name);
                });
      at += sizeof event + event.len;
    }
  }
}

}  // namespace dnscache
