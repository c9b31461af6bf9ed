// The server that libunbound asks.
#pragma once

#include <cstdint>
#include <memory>

#include "resolver/dnssec/unbound/event_base.hpp"
#include "resolver/dnssec/validator.hpp"

namespace dnscache::unbound {

/// A UDP socket at 127.0.0.1 whose queries go to `fetch`: libunbound knows no other way to ask than
/// by packets. They pass by policy and limits for clients, so only those from sockets at which
/// libunbound waits on `base` count; what other programs of this machine send there is dropped.
class Loopback {
 public:
  static Result<std::unique_ptr<Loopback>> open(const EventBase& base, FetchFunction fetch);
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
