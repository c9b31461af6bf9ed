// The system bus: one connection, a time limit on every call, and one clear line for every error.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "resolver/base/error.hpp"

namespace dnscache::dbus {

using namespace std::chrono_literals;

/// A connection to the system bus; it starts no thread, and every call on it ends in time.
class Bus {
 public:
  /// The system bus, or the one that DBUS_SYSTEM_BUS_ADDRESS names (sd_bus_open_system(3)).
  /// `call_limit` is how long a service may take to answer a call.
  static Result<Bus> connect(std::chrono::milliseconds call_limit = 5s);

  Bus(Bus&&) noexcept;
  Bus& operator=(Bus&&) noexcept;
  ~Bus();

  /// What the files of this folder need of it; defined in dbus/call.hpp.
  struct Connection;
  Connection& connection() { return *connection_; }

 private:
  explicit Bus(std::unique_ptr<Connection> connection);

  std::unique_ptr<Connection> connection_;
};

}  // namespace dnscache::dbus
