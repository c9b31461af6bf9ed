// For the files of this folder only: how a call on a generated proxy becomes a Result.
#pragma once

#include <chrono>
#include <memory>
#include <sdbus-c++/sdbus-c++.h>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "dbus/bus.hpp"

namespace dnscache::dbus {

/// What a Bus owns.
struct Bus::Connection {
  std::unique_ptr<sdbus::IConnection> bus;
  std::chrono::milliseconds call_limit;
};

/// A program that can be asked on the bus.
struct Service {
  const char* bus_name;
  const char* path;   ///< of its main object
  const char* title;  ///< for messages
};

inline constexpr Service bus_daemon{"org.freedesktop.DBus", "/org/freedesktop/DBus", "dbus"};
inline constexpr Service systemd_service{"org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                         "systemd"};
inline constexpr Service resolved_service{"org.freedesktop.resolve1", "/org/freedesktop/resolve1",
                                          "systemd-resolved"};
inline constexpr Service network_manager_dns{"org.freedesktop.NetworkManager",
                                             "/org/freedesktop/NetworkManager/DnsManager",
                                             "NetworkManager"};
inline constexpr Service networkd_service{"org.freedesktop.network1", "/org/freedesktop/network1",
                                          "systemd-networkd"};

/// The interfaces of one object of a service; calls without signals need no registration.
template <class... Interfaces>
class Proxy : public sdbus::ProxyInterfaces<Interfaces...> {
 public:
  Proxy(Bus::Connection& connection, const Service& service)
      : Proxy(connection, service, service.path) {}
  Proxy(Bus::Connection& connection, const Service& service, const std::string& path)
      : sdbus::ProxyInterfaces<Interfaces...>(*connection.bus, service.bus_name, path) {}
};

/// The fields of a D-Bus struct as a tuple, which structured bindings can take apart.
template <class... Fields>
const std::tuple<Fields...>& fields(const sdbus::Struct<Fields...>& row) {
  return row;
}

/// Gives the calls of a scope another time limit than the connection's own.
class CallLimit {
 public:
  CallLimit(Bus::Connection& connection, std::chrono::milliseconds limit)
      : connection_(connection), previous_(connection.call_limit) {
    set(limit);
  }
  ~CallLimit() { set(previous_); }
  CallLimit(const CallLimit&) = delete;
  CallLimit& operator=(const CallLimit&) = delete;

 private:
  void set(std::chrono::milliseconds limit) {
    connection_.call_limit = limit;
    connection_.bus->setMethodCallTimeout(limit);
  }

  Bus::Connection& connection_;
  std::chrono::milliseconds previous_;
};

/// "cannot <action>: <why>" for a person, with ExitCode::no_rights where rights are missing.
Error bus_error(const Service& service, std::chrono::milliseconds limit, const std::string& action,
                const sdbus::Error& error);

/// Whether somebody has the service's name; throws sdbus::Error.
bool has_owner(Bus::Connection& connection, const Service& service);

/// An Error if nobody has the service's name: reading must not start a service that is stopped.
Result<void> require_running(Bus::Connection& connection, const Service& service,
                             const std::string& action);

/// Waits for a service that was just started: systemd calls resolved ready before it has its name.
Result<void> wait_until_on_bus(Bus::Connection& connection, const Service& service,
                               std::chrono::milliseconds limit);

/// Runs `calls`, which use proxies of `service`; `action` completes the sentence "cannot ...".
template <class Calls>
auto attempt(Bus::Connection& connection, const Service& service, const std::string& action,
             Calls calls) -> Result<std::invoke_result_t<Calls>> {
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<Calls>>) {
      calls();
      return {};
    } else {
      return calls();
    }
  } catch (const sdbus::Error& error) {
    return bus_error(service, connection.call_limit, action, error);
  }
}

/// As attempt(), for services that must be running already.
template <class Calls>
auto attempt_running(Bus::Connection& connection, const Service& service, const std::string& action,
                     Calls calls) -> Result<std::invoke_result_t<Calls>> {
  if (auto running = require_running(connection, service, action); !running) {
    return running.error();
  }
  return attempt(connection, service, action, std::move(calls));
}

}  // namespace dnscache::dbus
