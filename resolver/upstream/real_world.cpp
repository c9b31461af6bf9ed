#include "resolver/upstream/real_world.hpp"

#include <sys/random.h>
#include <sys/socket.h>

#include <asio/post.hpp>

#include "resolver/base/file_descriptor.hpp"
#include "resolver/base/log.hpp"
#include "resolver/upstream/carriers/stream.hpp"
#include "resolver/upstream/carriers/udp.hpp"

namespace dnscache {

RealWorld::RealWorld(asio::io_context& io) : io_(io), wake_up_(io) {
  timers().on_earlier([this](TimePoint when) {
    if (when < wake_up_at_) wake_at(when);
  });
}

// A wake-up that turns out to be too early (its timer was cancelled) costs less than to move the
// system's timer with every question.
void RealWorld::wake_at(TimePoint when) {
  wake_up_at_ = when;
  wake_up_.expires_at(when);
  wake_up_.async_wait([this](std::error_code error) {
    if (error) return;
    wake_up_at_ = TimePoint::max();
    {
      const Turn turn(*this);
      timers().fire(now());
    }
    const auto next = timers().next();
    if (next && *next < wake_up_at_) wake_at(*next);
  });
}

// From getrandom(2), many at a time.
std::uint64_t RealWorld::random() {
  if (random_left_ == 0) {
    while (::getrandom(random_.data(), sizeof random_, 0) != sizeof random_) {
    }
    random_left_ = random_.size();
  }
  return random_[--random_left_];
}

void RealWorld::take_turn_soon() {
  asio::post(io_, [this] { const Turn turn(*this); });
}

void RealWorld::log(LogLevel level, const std::string& line) {
  if (is_logged(level)) log_line(level, line);
  if (logged_) logged_();
}

std::optional<IpAddress> RealWorld::source_address(const Endpoint& server) {
  sockaddr_storage address;
  const socklen_t size = server.to_sockaddr(address);
  const FileDescriptor socket(::socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage own{};
  socklen_t own_size = sizeof own;
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&own), &own_size) != 0) {
    return std::nullopt;
  }
  const auto source = Endpoint::from_sockaddr(own);
  return source ? std::optional(source->address) : std::nullopt;
}

std::shared_ptr<Carrier> RealWorld::make_carrier(const UpstreamConfig& upstream,
                                                 Protocol protocol) {
  if (protocol == Protocol::udp) return make_udp_carrier(io_, *this, upstream);
  return make_stream_carrier(io_, *this, upstream, protocol);
}

}  // namespace dnscache
