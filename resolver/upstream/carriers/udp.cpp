#include "resolver/upstream/carriers/udp.hpp"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <cstring>
#include <vector>

#include "resolver/base/file_descriptor.hpp"
#include "resolver/wire/protocol.hpp"

namespace dnscache {
namespace {

constexpr std::size_t max_sockets = 1024;   // beyond them, several queries share one
constexpr std::size_t most_sockets = 4096;  // to have fresh ones when all wait for responses
constexpr int picks = 8;                    // of sockets by chance, to find a fresh one
constexpr std::size_t max_idle = 64;
constexpr unsigned max_events = 64;  // sockets served before other work gets its turn
constexpr unsigned max_errors = 16;  // ICMP errors read from one socket at once

// A new source port costs as much as the rest of a query. Under load that lasts, most queries leave
// from one of many open ports by chance instead, which the next moments close.
constexpr std::uint32_t new_ports_per_second = 2000;
constexpr std::uint32_t new_ports_at_once = 4000;
constexpr std::size_t shared_sockets = 256;
constexpr std::chrono::seconds longest_use{1};  // of a port, and of the route and address behind it

std::error_code last_error() { return {errno, std::generic_category()}; }

// What this process or machine is short of is not the upstream's failure.
std::error_code as_seen_by_sender(std::error_code error) {
  const bool is_short = error == std::errc::too_many_files_open ||
                        error == std::errc::too_many_files_open_in_system ||
                        error == std::errc::no_buffer_space ||
                        error == std::errc::not_enough_memory;
  return is_short ? std::make_error_code(std::errc::resource_unavailable_try_again) : error;
}

/// How many new source ports may be taken now: a token bucket.
class NewPorts {
 public:
  bool take(TimePoint now) {
    constexpr auto interval =
        std::chrono::nanoseconds(std::chrono::seconds(1)) / new_ports_per_second;
    const TimePoint earliest = now - interval * new_ports_at_once;
    if (spent_until_ < earliest) spent_until_ = earliest;
    if (spent_until_ + interval > now) return false;
    spent_until_ += interval;
    return true;
  }

 private:
  TimePoint spent_until_{};
};

// Has the kernel keep the packet that an ICMP error quotes.
void keep_errors(int fd, int family) {
  const int on = 1;
  const bool is_v6 = family == AF_INET6;
  ::setsockopt(fd, is_v6 ? IPPROTO_IPV6 : IPPROTO_IP, is_v6 ? IPV6_RECVERR : IP_RECVERR, &on,
               sizeof on);
}

/// One source port at a time, and the queries that wait there, by id.
struct Socket {
  struct Waiting {
    std::uint16_t id;
    Transaction* transaction;
  };

  explicit Socket(int descriptor) : fd(descriptor) {}

  bool has(std::uint16_t id) const {
    return std::ranges::find(waiting, id, &Waiting::id) != waiting.end();
  }

  FileDescriptor fd;
  TimePoint connected{};   // since when it has its port
  bool is_broken = false;  // has reported an error: not used again
  std::vector<Waiting> waiting;
};

class UdpCarrier final : public Carrier, public std::enable_shared_from_this<UdpCarrier> {
 public:
  UdpCarrier(asio::io_context& io, World& world, const UpstreamConfig& upstream)
      : world_(world),
        endpoint_(upstream.endpoint),
        interface_(upstream.interface),
        address_size_(endpoint_.to_sockaddr(address_)),
        epoll_(io, ::epoll_create1(EPOLL_CLOEXEC)),
        buffer_(max_message_size) {}

  std::error_code send(Transaction& transaction) override {
    std::error_code error;
    Socket* socket = pick_socket(error);
    // The interface of a link-local address may have been made anew.
    if (socket == nullptr && !interface_.empty() && find_interface(interface_, endpoint_.address)) {
      endpoint_.to_sockaddr(address_);
      socket = pick_socket(error);
    }
    if (socket == nullptr) return as_seen_by_sender(error);
    error = send_from(*socket, transaction);
    if (!error || !socket->waiting.empty()) return as_seen_by_sender(error);
    // The address that this socket had may have gone.
    if (connect(*socket, error)) error = send_from(*socket, transaction);
    if (error) put_back(*socket);
    return as_seen_by_sender(error);
  }

  void forget(Transaction& transaction) override {
    auto* socket = static_cast<Socket*>(transaction.carrier_place);
    const auto found =
        std::ranges::find(socket->waiting, &transaction, &Socket::Waiting::transaction);
    socket->waiting.erase(found);
    transaction.carrier = nullptr;
    if (socket->waiting.empty()) put_back(*socket);
  }

  void close() override {
    for (const auto& socket : sockets_) {
      for (const Socket::Waiting& waiting : socket->waiting) {
        waiting.transaction->carrier = nullptr;
      }
    }
    std::error_code ignored;
    epoll_.close(ignored);
    idle_.clear();
    sockets_.clear();
  }

  void wait_for_packets() {
    epoll_.async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](std::error_code error) {
                        if (error || !self->epoll_.is_open()) return;
                        self->read_packets();
                        if (self->epoll_.is_open()) self->wait_for_packets();
                      });
  }

 private:
  // An ICMP error that came before fails the first call, whoever sent it.
  static bool put_on_the_wire(const Socket& socket, ByteView query) {
    constexpr int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const auto send = [&] {
      return ::send(socket.fd.get(), query.data(), query.size(), flags) >= 0;
    };
    return send() || (errno != EAGAIN && send());
  }

  std::error_code send_from(Socket& socket, Transaction& transaction) {
    std::uint16_t id;
    do {
      id = static_cast<std::uint16_t>(world_.random());
    } while (socket.has(id));
    const auto query = transaction.query();
    store16(query.data(), id);
    if (!put_on_the_wire(socket, query)) return last_error();
    socket.waiting.push_back({id, &transaction});
    transaction.carrier = this;
    transaction.carrier_place = &socket;
    return {};
  }

  // One with a new source port; else an idle one by chance; else any by chance.
  Socket* pick_socket(std::error_code& error) {
    const TimePoint now = world_.now();
    const bool is_new = new_ports_.take(now);
    if (!is_new) shared_until_ = now + longest_use;
    if (!is_new && sockets_.size() < shared_sockets) {
      if (Socket* socket = open(error)) return socket;
    }
    while (Socket* socket = take_idle()) {
      const bool is_reused = !is_new && now - socket->connected < longest_use;
      if (is_reused || connect(*socket, error)) return socket;
      discard(*socket);
    }
    if (sockets_.size() < max_sockets) {
      if (Socket* socket = open(error)) return socket;
    }
    return pick_waiting(now, error);
  }

  // All wait for responses, or there are no descriptors left: several queries share a socket.
  Socket* pick_waiting(TimePoint now, std::error_code& error) {
    Socket* socket = nullptr;
    for (int i = 0; i < picks && !sockets_.empty(); ++i) {
      socket = sockets_[world_.random() % sockets_.size()].get();
      if (!socket->is_broken && now - socket->connected < longest_use) return socket;
    }
    Socket* fresh = sockets_.size() < most_sockets ? open(error) : nullptr;
    return fresh != nullptr ? fresh : socket;
  }

  Socket* take_idle() {
    while (!idle_.empty()) {
      std::swap(idle_[world_.random() % idle_.size()], idle_.back());
      Socket* socket = idle_.back();
      idle_.pop_back();
      if (!socket->is_broken) return socket;
      discard(*socket);
    }
    return nullptr;
  }

  // Dissolving the association and connecting again costs a third of a fresh socket (connect(2)).
  bool connect(Socket& socket, std::error_code& error) const {
    socket.connected = world_.now();
    sockaddr nobody{};
    nobody.sa_family = AF_UNSPEC;
    if (::connect(socket.fd.get(), &nobody, sizeof nobody) == 0 &&
        ::connect(socket.fd.get(), reinterpret_cast<const sockaddr*>(&address_), address_size_) ==
            0) {
      return true;
    }
    error = last_error();
    return false;
  }

  Socket* open(std::error_code& error) {
    const int type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const int fd = ::socket(address_.ss_family, type, 0);
    if (fd < 0) {
      error = last_error();
      return nullptr;
    }
    auto socket = std::make_unique<Socket>(fd);
    keep_errors(fd, address_.ss_family);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = socket.get();
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address_), address_size_) != 0 ||
        ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, fd, &event) != 0) {
      error = last_error();
      return nullptr;
    }
    socket->connected = world_.now();
    sockets_.push_back(std::move(socket));
    return sockets_.back().get();
  }

  void put_back(Socket& socket) { idle_.push_back(&socket); }

  void discard(Socket& socket) {
    std::erase_if(sockets_, [&](const auto& owned) { return owned.get() == &socket; });
  }

  void trim() {
    if (idle_.size() <= max_idle) return;
    const std::size_t wanted = world_.now() < shared_until_ ? shared_sockets : max_idle;
    while (idle_.size() > wanted) {
      discard(*idle_.back());
      idle_.pop_back();
    }
  }

  void read_packets() {
    const World::Turn turn(world_);
    std::array<epoll_event, max_events> events;
    const int count = ::epoll_wait(epoll_.native_handle(), events.data(), max_events, 0);
    for (int i = 0; i < count; ++i) {
      read_packet(*static_cast<Socket*>(events[static_cast<std::size_t>(i)].data.ptr));
    }
    trim();
  }

  void read_packet(Socket& socket) {
    const auto receive = [&] {
      return ::recv(socket.fd.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    };
    ssize_t size = receive();
    if (size < 0) {
      if (errno == EINTR) return;
      read_errors(socket);
      if (socket.waiting.empty()) return;
      size = receive();  // a response may have come behind an error
    }
    if (size < 0) return;
    if (size < static_cast<ssize_t>(header_size)) {
      ++strays;
      return;
    }
    const std::uint16_t id = load16(buffer_.data());
    const auto found = std::ranges::find(socket.waiting, id, &Socket::Waiting::id);
    if (found == socket.waiting.end()) {
      ++strays;
      return;
    }
    Transaction& transaction = *found->transaction;
    socket.waiting.erase(found);
    transaction.carrier = nullptr;
    if (transaction.receive({buffer_.data(), static_cast<std::size_t>(size)})) {
      if (socket.waiting.empty()) put_back(socket);
      return;
    }
    socket.waiting.push_back({id, &transaction});
    transaction.carrier = this;
  }

  void read_errors(Socket& socket) {
    for (unsigned i = 0; i < max_errors; ++i) {
      if (!read_error(socket)) return;
    }
  }

  // False when there is none.
  bool read_error(Socket& socket) {
    iovec part{buffer_.data(), buffer_.size()};
    alignas(cmsghdr) std::array<std::uint8_t, 512> control;
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(socket.fd.get(), &message, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (size < 0) return false;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      const bool is_error =
          (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_RECVERR) ||
          (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_RECVERR);
      if (!is_error) continue;
      sock_extended_err error;
      std::memcpy(&error, CMSG_DATA(header), sizeof error);
      on_error(socket, error, {buffer_.data(), static_cast<std::size_t>(size)});
    }
    return true;
  }

  // Anybody can send an ICMP error who guesses the port (RFC 5927 section 4). It counts for the
  // query whose id and following bytes it quotes.
  void on_error(Socket& socket, const sock_extended_err& error, ByteView quoted) {
    const bool is_icmp =
        error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6;
    if (!is_icmp || quoted.size() < sizeof(std::uint16_t)) return;
    const auto found = std::ranges::find_if(socket.waiting, [&](const Socket::Waiting& waiting) {
      const auto sent = waiting.transaction->query();
      return quoted.size() <= sent.size() && std::equal(quoted.begin(), quoted.end(), sent.begin());
    });
    if (found == socket.waiting.end()) return;
    socket.is_broken = true;  // another query leaves from another port
    Transaction& transaction = *found->transaction;
    socket.waiting.erase(found);
    transaction.carrier = nullptr;
    transaction.fail({static_cast<int>(error.ee_errno), std::generic_category()});
    if (socket.waiting.empty()) put_back(socket);
  }

  World& world_;
  Endpoint endpoint_;
  std::string interface_;
  sockaddr_storage address_;
  socklen_t address_size_;
  asio::posix::stream_descriptor epoll_;  // one for all sockets: asio would ask epoll for each
  std::vector<std::unique_ptr<Socket>> sockets_;
  std::vector<Socket*> idle_;
  NewPorts new_ports_;
  TimePoint shared_until_{};  // ports are few: sockets are kept for the next queries
  std::vector<std::uint8_t> buffer_;
};

}  // namespace

std::shared_ptr<Carrier> make_udp_carrier(asio::io_context& io, World& world,
                                          const UpstreamConfig& upstream) {
  auto carrier = std::make_shared<UdpCarrier>(io, world, upstream);
  carrier->wait_for_packets();
  return carrier;
}

}  // namespace dnscache
