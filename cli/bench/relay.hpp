// A relay on loopback in front of a name server: it counts, and falls silent when it is told to.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include "resolver/base/endpoint.hpp"
#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// Passes UDP and TCP on to `server`, on a thread of its own.
class Relay {
 public:
  static Result<std::unique_ptr<Relay>> start(const Endpoint& server);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  const Endpoint& address() const { return address_; }
  const Endpoint& server() const { return server_; }
  /// From now on nothing is passed on, and nothing comes back.
  void set_silent(bool is_silent) { is_silent_ = is_silent; }
  /// When each packet came, those that were lost included; over TCP a message is a packet.
  std::vector<std::chrono::steady_clock::time_point> packets() const;

 private:
  class Loop;
  Relay(const Endpoint& server, std::unique_ptr<Loop> loop);

  Endpoint server_;
  Endpoint address_;
  std::atomic<bool> is_silent_ = false;
  std::unique_ptr<Loop> loop_;
};

}  // namespace dnscache::cli
