// What a client sends over TCP, in pieces of any size: every query in it gets its reply, nothing
// else does, and the connection ends.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string_view>
#include <vector>

#include "resolver/server/tcp.hpp"
#include "resolver/wire/build.hpp"
#include "tests/support/message.hpp"

namespace {

using namespace dnscache;

constexpr std::size_t max_query = 4096;  // bytes; longer messages end the connection

void require(bool good, std::string_view what) {
  if (good) return;
  std::cerr << what << ", errno " << errno << '\n';
  std::abort();
}

/// A worker that listens on a loopback address and whose resolver answers everything at once.
struct Server {
  Server() {
    auto sockets = open_listener(*Endpoint::parse("127.0.0.1:0", 53), Sharing::none);
    require(static_cast<bool>(sockets), "no listener");
    endpoint = sockets->endpoint;
    std::vector<ListenSockets> listeners;
    listeners.push_back(std::move(*sockets));
    worker.listen(std::move(listeners));
  }

  Cache cache{1 << 20};
  QueryStats late_stats;
  Service service{cache,
                  [](const Question&, std::uint64_t, ReplyFunction reply, ClientId) {
                    reply(failure(Rcode::refused));
                  },
                  [](const Question&, std::uint64_t) {}, late_stats};
  Worker worker{service};
  Endpoint endpoint;
};

/// A connection from a loopback address of its own, so that none runs out of ports.
class Client {
 public:
  Client(const Endpoint& server, std::uint32_t number) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    sockaddr_storage address;
    const auto part = [number](unsigned shift) {
      return static_cast<std::uint8_t>(1 + (number >> shift) % 250);
    };
    const IpAddress own = IpAddress::v4(127, part(16), part(8), part(0));
    socklen_t size = Endpoint{own, 0}.to_sockaddr(address);
    require(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), size) == 0, "bind() failed");
    size = server.to_sockaddr(address);
    // The fuzzer's own timer interrupts, and then the connection is made without us.
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), size) != 0) {
      require(errno == EINTR, "connect() failed");
      wait(POLLOUT);
    }
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The server may have closed the connection already.
  void send(ByteView bytes) { (void)!::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  void finish_sending() { ::shutdown(fd_, SHUT_WR); }

  void wait(short events) {
    pollfd place{fd_, events, 0};
    while (::poll(&place, 1, -1) < 0) require(errno == EINTR, "poll() failed");
  }

  /// Takes what has arrived; false at the end of the connection.
  bool receive() {
    std::array<std::uint8_t, 4096> chunk;
    const ssize_t size = ::recv(fd_, chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (size > 0) received_.insert(received_.end(), chunk.begin(), chunk.begin() + size);
    was_reset_ = size < 0 && errno == ECONNRESET;
    return size > 0 || (size < 0 && errno == EAGAIN);
  }
  bool was_reset() const { return was_reset_; }

  std::vector<std::uint16_t> ids() const {
    std::vector<std::uint16_t> ids;
    for (std::size_t at = 0; at + 2 <= received_.size();) {
      const std::size_t size = load16(&received_[at]);
      if (at + 2 + size > received_.size()) break;
      const auto message = test::decode(&received_[at + 2], size);
      require(message && message->has(test::flag_qr), "what was received is no response");
      ids.push_back(message->id);
      at += 2 + size;
    }
    return ids;
  }

 private:
  int fd_;
  bool was_reset_ = false;
  std::vector<std::uint8_t> received_;
};

// The ids of the messages that deserve a reply.
std::vector<std::uint16_t> expected_ids(ByteView bytes) {
  std::vector<std::uint16_t> ids;
  for (std::size_t at = 0; at + 2 <= bytes.size();) {
    const std::size_t size = load16(&bytes[at]);
    if (size > max_query || at + 2 + size > bytes.size()) break;
    Query query;
    if (read_query(bytes.subspan(at + 2, size), query) == QueryFault::ignore) break;
    ids.push_back(query.id);
    at += 2 + size;
  }
  return ids;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Server server;
  static std::uint32_t connections = 0;
  if (size == 0) return 0;
  const std::size_t piece = 1 + data[0] % 64u * 7u;  // the first byte says how to cut the rest
  const ByteView bytes(data + 1, size - 1);

  Client client(server.endpoint, ++connections);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    client.send(bytes.subspan(at, std::min(piece, bytes.size() - at)));
    server.worker.io().poll();
  }
  client.finish_sending();
  do {
    server.worker.io().poll();
  } while (client.receive());  // a connection without an end is found by the fuzzer's -timeout
  // Replies may be lost with a connection that the server closes while more is being sent.
  auto got = client.ids(), wanted = expected_ids(bytes);
  std::ranges::sort(got);
  std::ranges::sort(wanted);
  require(client.was_reset() ? std::ranges::includes(wanted, got) : got == wanted,
          "the replies are not those of the queries");
  return 0;
}
