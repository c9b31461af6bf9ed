// The server that libunbound asks.
#pragma once

#include <asio/ip/udp.hpp>
#include <memory>

#include "resolver/dnssec/validator.hpp"

namespace dnscache::unbound {

/// A UDP socket at 127.0.0.1 whose every query goes to `fetch`: libunbound knows no other way to
/// ask than by packets. Any program of this machine that finds the port can ask there, too, while
/// something is being validated: past policy and limits for clients, and with an answer as by CD.
class Loopback {
 public:
  static Result<std::unique_ptr<Loopback>> open(asio::io_context& io, FetchFunction fetch);
  ~Loopback();
  Loopback(const Loopback&) = delete;
  Loopback& operator=(const Loopback&) = delete;

  std::uint16_t port() const;
  /// Reads the packets that have come, rather than when the event loop gets to it.
  void serve_waiting();

 private:
  struct Socket;
  explicit Loopback(std::shared_ptr<Socket> socket) : socket_(std::move(socket)) {}

  std::shared_ptr<Socket> socket_;  // shared with replies that come later
};

}  // namespace dnscache::unbound
