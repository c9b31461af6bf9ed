// A relay on loopback in front of a name server: it counts, and falls silent when it is told to.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/udp.hpp>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "cli/host/engine_copy.hpp"

namespace dnscache::cli {

/// Passes UDP and TCP on to a server, on a thread of its own.
class Relay {
 public:
  ~Relay();
  Result<void> start(const Endpoint& server);
  const Endpoint& address() const { return address_; }
  /// From now on nothing is passed on, and nothing comes back.
  void set_silent(bool is_silent) { is_silent_ = is_silent; }
  /// When each packet came, in seconds after `start`, those that were lost included; over TCP a
  /// message is a packet.
  std::vector<double> packets_since(std::chrono::steady_clock::time_point start) const;

 private:
  using Bytes = std::vector<char>;
  using Stream = std::shared_ptr<asio::ip::tcp::socket>;

  void count();
  asio::awaitable<void> serve_udp();
  asio::awaitable<void> pass_on(Bytes query, asio::ip::udp::endpoint from);
  asio::awaitable<void> serve_tcp();
  asio::awaitable<void> connect(Stream client);
  asio::awaitable<void> pump(Stream from, Stream to, bool is_counted);

  Endpoint server_;
  Endpoint address_ = private_address();
  std::atomic<bool> is_silent_ = false;
  mutable std::mutex mutex_;
  std::vector<std::chrono::steady_clock::time_point> packets_;
  asio::io_context io_{1};
  asio::ip::udp::socket udp_{io_};
  asio::ip::tcp::acceptor acceptor_{io_};
  std::thread thread_;
};

using Relays = std::vector<std::unique_ptr<Relay>>;

/// A relay in front of each server.
Result<Relays> start_relays(const std::vector<Endpoint>& servers);
std::vector<Endpoint> addresses_of(const Relays& relays);

}  // namespace dnscache::cli
