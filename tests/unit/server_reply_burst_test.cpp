// Replies that leave together, over real sockets.
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "resolver/base/endpoint.hpp"
#include "resolver/server/reply_burst.hpp"
#include "resolver/server/sockets.hpp"

using namespace dnscache;

namespace {

struct Socket {
  Socket() : fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const Endpoint any{IpAddress::v4(127, 0, 0, 1), 0};
    sockaddr_storage storage;
    socklen_t size = any.to_sockaddr(storage);
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size) == 0);
    size = sizeof address;
    REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  }

  std::vector<std::string> received() const {
    std::vector<std::string> packets;
    std::array<char, 5000> bytes;
    for (;;) {
      const ssize_t size = ::recv(fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (size < 0) break;
      packets.emplace_back(bytes.data(), static_cast<std::size_t>(size));
    }
    std::ranges::sort(packets);
    return packets;
  }

  FileDescriptor fd;
  sockaddr_in address{};
};

/// Replies of these sizes to clients in turn, as each client should get them.
void send_and_compare(ReplyBurst& burst, const Socket& server, std::vector<Socket>& clients,
                      const std::vector<std::size_t>& sizes) {
  std::vector<std::vector<std::string>> wanted(clients.size());
  burst.clear();
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    Socket& client = clients[i % clients.size()];
    std::string reply(sizes[i], static_cast<char>('0' + i));
    std::memcpy(burst.room(), reply.data(), reply.size());
    msghdr query{};
    query.msg_name = &client.address;
    query.msg_namelen = sizeof client.address;
    burst.add(reply.size(), query);
    wanted[i % clients.size()].push_back(std::move(reply));
  }
  burst.send(server.fd.get());
  for (std::size_t i = 0; i < clients.size(); ++i) {
    std::ranges::sort(wanted[i]);
    CHECK(clients[i].received() == wanted[i]);
  }
}

}  // namespace

TEST_CASE(
    "reply burst: each client gets its replies, whatever their sizes and however they leave") {
  const bool may_merge = GENERATE(false, true);
  const std::size_t clients_count = GENERATE(as<std::size_t>(), 1, 2, 64);
  // Where checksums are switched off the kernel refuses to cut messages into packets.
  const int is_refused = GENERATE(0, 1);
  const Socket server;
  REQUIRE(::setsockopt(server.fd.get(), SOL_SOCKET, SO_NO_CHECK, &is_refused, sizeof is_refused) ==
          0);
  std::vector<Socket> clients(clients_count);
  const auto burst = std::make_unique<ReplyBurst>(server.fd.get(), may_merge);

  std::vector<std::size_t> sizes;
  for (std::size_t i = 0; i < ReplyBurst::max_replies; ++i) sizes.push_back(40 + i * 7 % 60);
  send_and_compare(*burst, server, clients, sizes);
  send_and_compare(*burst, server, clients, std::vector<std::size_t>(ReplyBurst::max_replies, 45));
  send_and_compare(*burst, server, clients, {45, 12, 45, 45, 46, 45, 44, 12, 44});
  send_and_compare(*burst, server, clients, {45, 45});
  send_and_compare(*burst, server, clients, {ReplyBurst::max_reply_size});
  send_and_compare(*burst, server, clients,
                   std::vector<std::size_t>(16, ReplyBurst::max_reply_size));
}
