// libunbound's view of our event loop.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>
#include <cstdint>
#include <set>
#include <unbound-event.h>

namespace dnscache::unbound {

/// The base of events that libunbound makes; they happen on the loop of `io`, on its thread.
class EventBase : public ub_event_base {
 public:
  explicit EventBase(asio::io_context& io);
  EventBase(const EventBase&) = delete;
  EventBase& operator=(const EventBase&) = delete;

  asio::io_context& io() const { return io_; }
  /// Whether a datagram from there was sent by a socket at which libunbound waits for the answer.
  bool waits_at(const asio::ip::udp::endpoint& sender) const;

  // The UDP port of a socket at which it begins and ends to wait, told by the events.
  void note_port(std::uint16_t port) { ports_.insert(port); }
  void forget_port(std::uint16_t port) { ports_.erase(ports_.find(port)); }

 private:
  asio::io_context& io_;
  std::multiset<std::uint16_t> ports_;
};

}  // namespace dnscache::unbound
