#include "cli/follow/follower.hpp"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>
#include <utility>

#include "resolver/server/file_watcher.hpp"
#include "resolver/server/network_watch.hpp"

namespace dnscache::cli {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto settle_time = 15ms;      // a manager writes several files in a row
constexpr auto least_interval = 100ms;  // between two readings because of interfaces
// A manager may take an event into account after it has told others, or tell nobody.
constexpr auto second_look = 500ms;
// So long a list may be empty, or its manager gone, before that counts: both happen for a moment
// when a file is rewritten or a service is restarted.
constexpr auto grace = 1s;
constexpr auto first_retry = 250ms;
constexpr auto last_retry = 5s;
constexpr auto patience_at_end = 100ms;

}  // namespace

/// What the follower and its thread share; everything below `thread only` is the thread's.
class Follower::Watch : public std::enable_shared_from_this<Follower::Watch> {
 public:
  Watch() : work_(asio::make_work_guard(io_)), timer_(io_) {}

  void look_at(const std::optional<ServerSource>& source) {
    if (!source && !is_started_) return;
    {
      const std::scoped_lock lock(mutex_);
      if (source != wanted_) servers_.reset();
      wanted_ = source;
    }
    asio::post(io_, [this] { begin(); });
    if (is_started_) return;
    is_started_ = true;
    std::thread([watch = shared_from_this()] { watch->run(); }).detach();
  }

  void on_change(std::function<void()> changed) {
    const std::scoped_lock lock(mutex_);
    changed_ = std::move(changed);
  }

  std::optional<MachineServers> servers_within(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    happened_.wait_for(lock, patience, [this] { return servers_.has_value(); });
    return servers_;
  }

  // A thread that waits for a service which does not answer is left to itself: nothing of the
  // follower's owner is in its reach any more.
  void end() {
    on_change({});
    io_.stop();
    std::unique_lock lock(mutex_);
    if (is_started_) happened_.wait_for(lock, patience_at_end, [this] { return has_ended_; });
  }

 private:
  void run() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    io_.run();
    const std::scoped_lock lock(mutex_);
    has_ended_ = true;
    happened_.notify_all();
  }

  void begin() {
    std::optional<ServerSource> wanted;
    {
      const std::scoped_lock lock(mutex_);
      wanted = wanted_;
    }
    if (wanted != source_) {
      source_ = wanted;
      files_.reset();
      shown_.reset();
      links_.reset();
      is_event_pending_ = false;
      timer_.cancel();
      if (source_) watch();
    }
    doubted_since_.reset();
    if (source_) look();
  }

  void watch() {
    files_ = std::make_unique<FileWatcher>(
        io_, files_of(*source_), [this] { look_after_event(); }, settle_time);
    if (!source_->file.empty()) return;
    links_ = std::make_unique<NetworkWatch>(
        io_, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR, [this] {
          if (std::exchange(is_event_pending_, true)) return;
          const auto when = std::max(Clock::now() + settle_time, looked_at_ + least_interval);
          look_at_time(when, [this] { look_after_event(); });
        });
  }

  void look_at_time(Clock::time_point when, std::function<void()> look) {
    timer_.expires_at(when);
    timer_.async_wait([look = std::move(look)](std::error_code cancelled) {
      if (!cancelled) look();
    });
  }

  void look_after_event() {
    is_event_pending_ = false;
    retry_ = first_retry;
    is_second_look_due_ = true;
    look();
  }

  void look() {
    const ServerReading reading = read_servers(*source_);
    looked_at_ = Clock::now();
    if (is_doubtful(reading)) return look_again_after(retry_);
    doubted_since_.reset();
    show(reading);
    if (!reading.is_certain) {
      look_again_after(retry_);
      retry_ = std::min<Clock::duration>(2 * retry_, last_retry);
    } else if (is_second_look_due_) {
      is_second_look_due_ = false;
      look_again_after(second_look);
    }
  }

  void look_again_after(Clock::duration time) {
    if (!is_event_pending_) look_at_time(Clock::now() + time, [this] { look(); });
  }

  // Servers that were known are not given up for a list that may be so for a moment only, and not
  // at all while their manager runs without answering.
  bool is_doubtful(const ServerReading& reading) {
    if (!shown_ || shown_->servers.upstreams.empty()) return false;
    const bool has_lost_manager = shown_->has_manager && !reading.has_manager;
    if (reading.is_certain && !reading.servers.upstreams.empty() && !has_lost_manager) return false;
    if (!doubted_since_) {
      doubted_since_ = looked_at_;
      retry_ = first_retry;
    }
    const bool is_hopeful = looked_at_ - *doubted_since_ < grace;
    if (!is_hopeful) retry_ = std::min<Clock::duration>(2 * retry_, last_retry);
    return is_hopeful || !reading.is_certain;
  }

  void show(const ServerReading& reading) {
    shown_ = reading;
    const std::scoped_lock lock(mutex_);
    if (wanted_ != source_ || servers_ == reading.servers) return;
    servers_ = reading.servers;
    happened_.notify_all();
    if (changed_) changed_();
  }

  std::mutex mutex_;
  std::condition_variable happened_;
  std::optional<ServerSource> wanted_;
  std::optional<MachineServers> servers_;
  std::function<void()> changed_;
  bool has_ended_ = false;
  bool is_started_ = false;  // the owner's

  // Thread only.
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::optional<ServerSource> source_;
  std::unique_ptr<FileWatcher> files_;
  std::unique_ptr<NetworkWatch> links_;
  asio::steady_timer timer_;
  std::optional<ServerReading> shown_;
  std::optional<Clock::time_point> doubted_since_;
  Clock::time_point looked_at_{};
  Clock::duration retry_ = first_retry;
  bool is_event_pending_ = false;  // timer_ waits for a look because of interfaces
  bool is_second_look_due_ = false;
};

Follower::Follower() : watch_(std::make_shared<Watch>()) {}
Follower::~Follower() { watch_->end(); }

void Follower::on_change(std::function<void()> changed) { watch_->on_change(std::move(changed)); }

void Follower::look_at(const std::optional<ServerSource>& source) { watch_->look_at(source); }

std::optional<MachineServers> Follower::servers() const { return watch_->servers_within(0ms); }

std::optional<MachineServers> Follower::servers_within(std::chrono::milliseconds patience) const {
  return watch_->servers_within(patience);
}

}  // namespace dnscache::cli
