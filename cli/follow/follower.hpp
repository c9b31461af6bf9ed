// Notices when the machine's servers change.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "cli/follow/read.hpp"

namespace dnscache::cli {

/// Keeps in view which servers a machine has. Reads on a thread of its own, because a DNS manager
/// that hangs must hold up no query; wakes for changed files (inotify(7)), and for changed
/// interfaces and addresses (rtnetlink(7)), on which systemd-resolved's scopes depend.
///
/// In dnscachectl.service it needs AF_UNIX and AF_NETLINK, and to read /etc and /run.
class Follower {
 public:
  Follower();
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  /// `changed` is called on the follower's thread whenever servers() has changed.
  void on_change(std::function<void()> changed);
  /// Reads these servers, now and whenever they change, and no others; nothing: none.
  void look_at(const std::optional<ServerSource>& source);
  /// The servers read last; nothing until they have been read.
  std::optional<MachineServers> servers() const;
  /// The same, after waiting for them at most this long.
  std::optional<MachineServers> servers_within(std::chrono::milliseconds patience) const;

 private:
  class Watch;
  std::shared_ptr<Watch> watch_;  // the thread has it as well
};

}  // namespace dnscache::cli
