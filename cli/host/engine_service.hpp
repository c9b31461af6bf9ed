// The engine as this machine runs it: a service of systemd, or a background process.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// Starts and stops the engine that `setup` or a package has installed.
class EngineService {
 public:
  /// An error where the machine is not set up, or the caller is not root. `command` is what the
  /// caller wanted to do, for the message.
  static Result<EngineService> of_this_machine(const std::string& command);

  Result<void> start() const;
  /// Takes the cache out of what programs ask, and closes its port.
  Result<void> stop() const;
  /// No query is lost where systemd holds the port.
  Result<void> restart() const;

  /// Starts it after this time, even if nobody waits for it; in place of an earlier call.
  Result<void> start_after(std::chrono::seconds delay) const;
  void cancel_start() const;

 private:
  explicit EngineService(bool is_unit) : is_unit_(is_unit) {}

  bool is_unit_;
};

/// Until when the engine is stopped by start_after(); nothing when it is not.
std::optional<std::chrono::system_clock::time_point> paused_until();

}  // namespace dnscache::cli
