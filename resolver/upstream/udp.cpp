#include "resolver/upstream/udp.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>

#include "resolver/wire/protocol.hpp"

namespace dnscache {
namespace {

constexpr unsigned max_uses = 32;  // queries from one source port
constexpr Duration max_age = 10s;
constexpr unsigned max_events = 64;  // sockets served before other work gets its turn

std::error_code last_error() { return {errno, std::generic_category()}; }

}  // namespace

/// One source port and the queries that wait there, by id.
struct UdpCarrier::Socket {
  struct Waiting {
    std::uint16_t id;
    Parcel* parcel;
  };

  Socket(int descriptor, TimePoint now) : fd(descriptor), opened(now) {}
  ~Socket() { ::close(fd); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  bool has(std::uint16_t id) const {
    return std::ranges::find(waiting, id, &Waiting::id) != waiting.end();
  }

  int fd;
  TimePoint opened;
  unsigned uses = 0;
  std::vector<Waiting> waiting;
};

UdpCarrier::UdpCarrier(asio::io_context& io, World& world, const Endpoint& upstream)
    : world_(world),
      upstream_(upstream),
      epoll_(io, ::epoll_create1(EPOLL_CLOEXEC)),
      buffer_(max_message_size),
      alive_(std::make_shared<bool>(true)) {
  wait_for_packets();
}

UdpCarrier::~UdpCarrier() { *alive_ = false; }

std::error_code UdpCarrier::send(Parcel& parcel) {
  std::error_code error;
  const std::uint64_t chance = world_.random();
  Socket* socket = pick_socket(chance, error);
  if (socket == nullptr) return error;
  auto id = static_cast<std::uint16_t>(chance >> 48);
  while (socket->has(id)) id = static_cast<std::uint16_t>(world_.random());
  const auto query = parcel.query();
  store16(query.data(), id);
  ++socket->uses;
  if (::send(socket->fd, query.data(), query.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    error = last_error();
    socket->uses = max_uses;  // the error may be an earlier packet's: its waiters time out
    return error;
  }
  socket->waiting.push_back({id, &parcel});
  parcel.carrier = this;
  parcel.carrier_place = socket;
  return {};
}

void UdpCarrier::forget(Parcel& parcel) {
  auto& waiting = static_cast<Socket*>(parcel.carrier_place)->waiting;
  waiting.erase(std::ranges::find(waiting, &parcel, &Socket::Waiting::parcel));
  parcel.carrier = nullptr;
}

UdpCarrier::Socket* UdpCarrier::pick_socket(std::uint64_t chance, std::error_code& error) {
  auto& socket = pool_[chance % pool_size];
  const bool is_used_up =
      socket && (socket->uses >= max_uses || world_.now() - socket->opened > max_age);
  if (is_used_up) retire(socket);
  if (!socket) socket = open(error);
  return socket.get();
}

std::unique_ptr<UdpCarrier::Socket> UdpCarrier::open(std::error_code& error) {
  sockaddr_storage address;
  const socklen_t size = upstream_.to_sockaddr(address);
  const int fd = ::socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    error = last_error();
    return nullptr;
  }
  auto socket = std::make_unique<Socket>(fd, world_.now());
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = socket.get();
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, fd, &event) != 0) {
    error = last_error();
    return nullptr;
  }
  return socket;
}

void UdpCarrier::retire(std::unique_ptr<Socket>& socket) {
  retired_.push_back(std::move(socket));
  if (!is_reading_) close_retired();
}

void UdpCarrier::close_retired() {
  std::erase_if(retired_, [](const auto& socket) { return socket->waiting.empty(); });
}

void UdpCarrier::wait_for_packets() {
  epoll_.async_wait(asio::posix::stream_descriptor::wait_read,
                    [this, alive = alive_](std::error_code error) {
                      if (error || !*alive) return;
                      read_packets();
                      if (*alive) wait_for_packets();
                    });
}

// What a packet sets off may send, retire sockets, and even end this carrier: so no socket is
// closed while events that name it are still to be served.
void UdpCarrier::read_packets() {
  std::array<epoll_event, max_events> events;
  const int count = ::epoll_wait(epoll_.native_handle(), events.data(), max_events, 0);
  const std::shared_ptr<bool> alive = alive_;
  is_reading_ = true;
  for (int i = 0; i < count && *alive; ++i) {
    read_packet(*static_cast<Socket*>(events[static_cast<std::size_t>(i)].data.ptr));
  }
  if (!*alive) return;
  is_reading_ = false;
  close_retired();
}

void UdpCarrier::read_packet(Socket& socket) {
  const ssize_t size = ::recv(socket.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  if (size < 0) {
    if (errno != EAGAIN && errno != EINTR) fail_all(socket, last_error());
    return;
  }
  if (size < static_cast<ssize_t>(header_size)) return;
  const std::uint16_t id = load16(buffer_.data());
  const auto found = std::ranges::find(socket.waiting, id, &Socket::Waiting::id);
  if (found == socket.waiting.end()) return;
  Parcel& parcel = *found->parcel;
  socket.waiting.erase(found);
  parcel.carrier = nullptr;
  if (parcel.receive({buffer_.data(), static_cast<std::size_t>(size)})) return;
  socket.waiting.push_back({id, &parcel});
  parcel.carrier = this;
}

// Port unreachable or the like: nothing that was sent from here will be answered.
void UdpCarrier::fail_all(Socket& socket, std::error_code reason) {
  const std::shared_ptr<bool> alive = alive_;
  socket.uses = max_uses;
  while (*alive && !socket.waiting.empty()) {
    Parcel& parcel = *socket.waiting.back().parcel;
    socket.waiting.pop_back();
    parcel.carrier = nullptr;
    parcel.fail(reason);
  }
}

}  // namespace dnscache
