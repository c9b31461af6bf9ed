#include "resolver/dnssec/unbound/event_base.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>

namespace dnscache::unbound {
namespace {

using Callback = void (*)(int, short, void*);
using Duration = std::chrono::microseconds;

// The port of a UDP socket over IPv4; nothing for every other descriptor.
std::optional<std::uint16_t> udp_port_of(int descriptor) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_DGRAM) {
    return std::nullopt;
  }
  sockaddr_in address{};
  size = sizeof address;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      address.sin_family != AF_INET) {
    return std::nullopt;
  }
  return ntohs(address.sin_port);
}

/// One event in the sense of libevent: a descriptor that becomes ready, a time that is over, or
/// whichever comes first. Once it has happened it is off, unless it persists.
class Event final : public ub_event {
 public:
  Event(EventBase& base, int descriptor, short bits, Callback callback, void* argument);
  ~Event() { stop(); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void start(const timeval* timeout);
  void stop();
  void add_bits(short bits) { bits_ = static_cast<short>(bits_ | bits); }
  void remove_bits(short bits) { bits_ = static_cast<short>(bits_ & ~bits); }
  void set_descriptor(int descriptor) { number_ = descriptor; }
  void set_callback(Callback callback, void* argument) {
    callback_ = callback;
    argument_ = argument;
  }

 private:
  bool wants(short bit) const { return (bits_ & bit) != 0; }
  void wait_for(short bit);
  void wait_for_timeout();
  void happen(short what);

  EventBase& base_;
  int number_;
  short bits_;
  Callback callback_;
  void* argument_;
  std::optional<std::uint16_t> port_;  // while it waits at a UDP socket
  asio::posix::stream_descriptor descriptor_;
  asio::steady_timer timer_;
  std::optional<Duration> timeout_;
  // Counts starts and stops: a handler of an earlier round comes too late, maybe after the event.
  std::shared_ptr<unsigned> round_ = std::make_shared<unsigned>(0);
};

void Event::start(const timeval* timeout) {
  stop();
  timeout_.reset();
  if (timeout != nullptr) {
    timeout_ = std::chrono::seconds(timeout->tv_sec) + Duration(timeout->tv_usec);
  }
  if (number_ >= 0 && (wants(UB_EV_READ) || wants(UB_EV_WRITE))) {
    std::error_code error;
    descriptor_.assign(number_, error);
    if (error) return;
    if (wants(UB_EV_READ)) port_ = udp_port_of(number_);
    if (port_) base_.note_port(*port_);
    if (wants(UB_EV_READ)) wait_for(UB_EV_READ);
    if (wants(UB_EV_WRITE)) wait_for(UB_EV_WRITE);
  }
  if (timeout_) wait_for_timeout();
}

void Event::stop() {
  ++*round_;
  if (port_) base_.forget_port(*port_);
  port_.reset();
  if (descriptor_.is_open()) descriptor_.release();  // it is libunbound's, which closes it
  timer_.cancel();
}

void Event::wait_for(short bit) {
  const auto how = bit == UB_EV_READ ? asio::posix::stream_descriptor::wait_read
                                     : asio::posix::stream_descriptor::wait_write;
  descriptor_.async_wait(how, [this, bit, round = round_, now = *round_](std::error_code) {
    if (*round == now) happen(bit);
  });
}

void Event::wait_for_timeout() {
  timer_.expires_after(*timeout_);
  timer_.async_wait([this, round = round_, now = *round_](std::error_code error) {
    if (*round == now && !error) happen(UB_EV_TIMEOUT);
  });
}

void Event::happen(short what) {
  if (!wants(UB_EV_PERSIST)) stop();
  const auto round = round_;
  const unsigned now = *round;
  const bool persists = wants(UB_EV_PERSIST);
  callback_(number_, what, argument_);
  if (!persists || *round != now) return;  // this may be gone
  if (what != UB_EV_TIMEOUT) wait_for(what);
  if (timeout_) wait_for_timeout();
}

Event& of(ub_event* event) { return *static_cast<Event*>(event); }

int succeed(ub_event*) { return 0; }

ub_event_vmt event_functions{
    .add_bits = [](ub_event* event, short bits) { of(event).add_bits(bits); },
    .del_bits = [](ub_event* event, short bits) { of(event).remove_bits(bits); },
    .set_fd = [](ub_event* event, int descriptor) { of(event).set_descriptor(descriptor); },
    .free = [](ub_event* event) { delete &of(event); },
    .add =
        [](ub_event* event, timeval* timeout) {
          of(event).start(timeout);
          return 0;
        },
    .del =
        [](ub_event* event) {
          of(event).stop();
          return 0;
        },
    .add_timer =
        [](ub_event* event, ub_event_base*, Callback callback, void* argument, timeval* timeout) {
          of(event).set_callback(callback, argument);
          of(event).start(timeout);
          return 0;
        },
    .del_timer =
        [](ub_event* event) {
          of(event).stop();
          return 0;
        },
    .add_signal = [](ub_event* event, timeval*) { return succeed(event); },
    .del_signal = succeed,
    .winsock_unregister_wsaevent = [](ub_event*) {},
    .winsock_tcp_wouldblock = [](ub_event*, int) {},
};

Event::Event(EventBase& base, int descriptor, short bits, Callback callback, void* argument)
    : base_(base),
      number_(descriptor),
      bits_(bits),
      callback_(callback),
      argument_(argument),
      descriptor_(base.io()),
      timer_(base.io()) {
  magic = UB_EVENT_MAGIC;
  vmt = &event_functions;
}

// Signals and Windows' events are never asked for; the loop is run and ended by its owner.
ub_event_base_vmt base_functions{
    .free = [](ub_event_base*) {},
    .dispatch = [](ub_event_base*) { return 0; },
    .loopexit = [](ub_event_base*, timeval*) { return 0; },
    .new_event = [](ub_event_base* base, int descriptor, short bits, Callback callback,
                    void* argument) -> ub_event* {
      return new Event(*static_cast<EventBase*>(base), descriptor, bits, callback, argument);
    },
    .new_signal = [](ub_event_base*, int, Callback, void*) -> ub_event* { return nullptr; },
    .winsock_register_wsaevent = [](ub_event_base*, void*, Callback, void*) -> ub_event* {
      return nullptr;
    },
};

}  // namespace

EventBase::EventBase(asio::io_context& io) : io_(io) {
  magic = UB_EVENT_MAGIC;
  vmt = &base_functions;
}

// Nobody else can have this port at 127.0.0.1, but at 127.0.0.2.
bool EventBase::waits_at(const asio::ip::udp::endpoint& sender) const {
  return sender.address() == asio::ip::address_v4::loopback() && ports_.contains(sender.port());
}

}  // namespace dnscache::unbound
