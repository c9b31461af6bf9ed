// libunbound's view of our event loop.
#pragma once

#include <asio/io_context.hpp>
#include <unbound-event.h>

namespace dnscache::unbound {

/// The base of events that libunbound makes; they happen on the loop of `io`, on its thread.
class EventBase : public ub_event_base {
 public:
  explicit EventBase(asio::io_context& io);
  EventBase(const EventBase&) = delete;
  EventBase& operator=(const EventBase&) = delete;

  asio::io_context& io() const { return io_; }

 private:
  asio::io_context& io_;
};

}  // namespace dnscache::unbound
