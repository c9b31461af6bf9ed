#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <iostream>
#include <thread>

#include "resolver/base/file_descriptor.hpp"
#include "resolver/upstream/carriers/udp.hpp"
#include "resolver/upstream/real_world.hpp"
#include "tests/support/netns.hpp"

namespace dnscache {
namespace {

/// A query that only notes what becomes of it.
struct Probe final : Transaction {
  std::span<std::uint8_t> query() override { return bytes; }
  bool receive(ByteView) override { return is_answered = true; }
  bool take_connection() override { return true; }
  void fail(std::error_code reason) override { error = reason; }

  std::array<std::uint8_t, 29> bytes{0, 0,   1,   0,   0,   1,   0,   0,   0, 0, 0, 0, 1, 'a',
                                     7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1};
  bool is_answered = false;
  std::error_code error;
};

/// A server that reads queries and never answers.
struct SilentServer {
  SilentServer() : socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ::ntohs(address.sin_port);
  }

  /// The source port of the next query.
  std::uint16_t next_query() {
    std::array<std::uint8_t, 512> packet;
    sockaddr_in from{};
    socklen_t size = sizeof from;
    REQUIRE(::recvfrom(socket.get(), packet.data(), packet.size(), 0,
                       reinterpret_cast<sockaddr*>(&from), &size) > 0);
    return ::ntohs(from.sin_port);
  }

  FileDescriptor socket;
  std::uint16_t port = 0;
};

// "Port unreachable" about a packet from `source` to `destination` that began with `quoted`.
void forge_icmp(std::uint16_t source, std::uint16_t destination, ByteView quoted) {
  struct Header {
    icmphdr icmp;
    iphdr ip;
    udphdr udp;
  } __attribute__((packed)) header{};
  header.icmp.type = ICMP_DEST_UNREACH;
  header.icmp.code = ICMP_PORT_UNREACH;
  header.ip.version = 4;
  header.ip.ihl = 5;
  header.ip.protocol = IPPROTO_UDP;
  header.ip.saddr = header.ip.daddr = ::htonl(INADDR_LOOPBACK);
  header.ip.tot_len = ::htons(static_cast<std::uint16_t>(sizeof(iphdr) + sizeof(udphdr) + 29));
  header.udp.source = ::htons(source);
  header.udp.dest = ::htons(destination);
  header.udp.len = ::htons(sizeof(udphdr) + 29);
  std::vector<std::uint8_t> packet(sizeof header + quoted.size());
  std::memcpy(packet.data(), &header, sizeof header);
  std::ranges::copy(quoted, packet.begin() + sizeof header);
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < packet.size(); i += 2) {
    sum += packet[i] << 8 | (i + 1 < packet.size() ? packet[i + 1] : 0);
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  const auto checksum = ::htons(static_cast<std::uint16_t>(~sum));
  std::memcpy(&packet[offsetof(icmphdr, checksum)], &checksum, sizeof checksum);
  const FileDescriptor raw(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
  REQUIRE(raw.get() >= 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  REQUIRE(::sendto(raw.get(), packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to),
                   sizeof to) == static_cast<ssize_t>(packet.size()));
}

void turn(asio::io_context& io) {
  for (int i = 0; i < 20; ++i) {
    io.poll();
    io.restart();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

TEST_CASE("an ICMP error counts only for the query that it quotes") {
  if (!test::namespaces_permitted()) {
    std::cout << "SKIPPED: needs root\n";
    return;
  }
  test::in_namespace({}, [] {
    asio::io_context io;
    RealWorld world(io);
    SilentServer server;
    UpstreamConfig upstream;
    upstream.endpoint = {IpAddress::v4(127, 0, 0, 1), server.port};
    const auto carrier = make_udp_carrier(io, world, upstream);
    Probe probe;
    REQUIRE_FALSE(carrier->send(probe));
    const std::uint16_t port = server.next_query();

    Probe other;  // the same ports, another id
    other.bytes = probe.bytes;
    other.bytes[0] ^= 1;
    for (int i = 0; i < 50; ++i) forge_icmp(port, server.port, other.bytes);
    forge_icmp(port, server.port, {});  // as old routers quote
    turn(io);
    CHECK_FALSE(probe.error);
    CHECK(probe.carrier == carrier.get());

    // A query that leaves from the same port is not lost to the errors before.
    Probe second;
    forge_icmp(port, server.port, other.bytes);
    CHECK_FALSE(carrier->send(second));

    forge_icmp(port, server.port, ByteView(probe.bytes).first(8));
    turn(io);
    CHECK(probe.error == std::errc::connection_refused);
    CHECK(probe.carrier == nullptr);
    CHECK_FALSE(second.error);
    carrier->forget(second);
    carrier->close();
  });
}

}  // namespace dnscache
