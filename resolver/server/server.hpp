// The engine as a whole: workers, resolver, control socket, signals.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "resolver/base/error.hpp"
#include "resolver/config/config.hpp"
#include "resolver/server/explain.hpp"
#include "resolver/server/status.hpp"

namespace dnscache {

/// Where the engine's configuration comes from, and the machine's servers that are a part of it.
class ConfigFeed {
 public:
  virtual ~ConfigFeed() = default;
  /// Reads everything again, on SIGHUP and the control command `reload`. An Error, a line for each
  /// problem, leaves the old configuration in force.
  virtual Result<Config> reload() = 0;
  /// What was read last and is in force, with the servers that the machine has now.
  virtual Config current() = 0;
  /// What reload() read, or current() at the start, is in force from now on.
  virtual void confirm() = 0;
  /// What reload() read cannot be used, for reasons that only using it showed.
  virtual void reject(const Error& why) = 0;
  /// Whether what is written is what is in force.
  virtual ConfigState state() const = 0;
  /// From now on `changed` is called, on any thread, whenever current() has other servers.
  virtual void follow(std::function<void()> changed) = 0;
};

/// Runs the engine in the foreground until SIGTERM or SIGINT; queries in flight are still answered.
/// Starts with `feed.current()`, with no server too. Listens on the sockets that systemd passed, if
/// any, else on `config.listen`; tells systemd about its state (sd_notify(3)). `origin` is for
/// `explain`. Becomes `user`, unless that is empty, once sockets and logs are open. The error says
/// why it could not start.
Result<void> serve(ConfigFeed& feed, const ConfigOrigin& origin = {}, const std::string& user = {});

}  // namespace dnscache
