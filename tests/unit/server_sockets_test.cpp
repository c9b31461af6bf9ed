#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "resolver/server/sockets.hpp"

namespace dnscache {
namespace {

std::uint16_t port_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return Endpoint::from_sockaddr(address)->port;
}

}  // namespace

TEST_CASE("port 0 becomes the same free port for UDP and TCP") {
  for (unsigned i = 0; i < 50; ++i) {
    const auto sockets = open_listener(*Endpoint::parse("127.0.0.1:0", 53), Sharing::none);
    REQUIRE(sockets);
    CHECK(sockets->endpoint.port != 0);
    CHECK(port_of(sockets->udp.get()) == sockets->endpoint.port);
    CHECK(port_of(sockets->tcp.get()) == sockets->endpoint.port);
    CHECK((::fcntl(sockets->udp.get(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(sockets->tcp.get(), F_GETFD) & FD_CLOEXEC) != 0);
  }
}

TEST_CASE("a port in use is one line that names the address and what to do") {
  const auto first = open_listener(*Endpoint::parse("127.0.0.1:0", 53), Sharing::none);
  REQUIRE(first);
  const auto second = open_listener(first->endpoint, Sharing::none);
  REQUIRE_FALSE(second);
  const std::string& message = second.error().message;
  CHECK(message.find(first->endpoint.to_text()) != std::string::npos);
  CHECK(message.find("in use") != std::string::npos);
  CHECK(message.find("ss -lptun") != std::string::npos);
  CHECK(message.find('\n') == std::string::npos);
}

TEST_CASE("workers share a port when all of them say so") {
  const auto first = open_listener(*Endpoint::parse("127.0.0.1:0", 53), Sharing::first);
  REQUIRE(first);
  CHECK(open_listener(first->endpoint, Sharing::further));
  CHECK_FALSE(open_listener(first->endpoint, Sharing::none));
  CHECK_FALSE(open_listener(first->endpoint, Sharing::first));  // another engine
}

TEST_CASE("an address that the machine does not have is said so") {
  const auto sockets = open_listener(*Endpoint::parse("192.0.2.77:0", 53), Sharing::none);
  REQUIRE_FALSE(sockets);
  CHECK(sockets.error().message.find("no interface") != std::string::npos);
  const auto early =
      open_listener(*Endpoint::parse("192.0.2.77:0", 53), Sharing::none, Presence::optional);
  REQUIRE(early);
  CHECK(early->endpoint.address == *IpAddress::parse("192.0.2.77"));
  CHECK(early->endpoint.port != 0);
}

TEST_CASE("duplicates are further descriptors of the same sockets") {
  auto sockets = open_listener(*Endpoint::parse("127.0.0.1:0", 53), Sharing::none);
  REQUIRE(sockets);
  const auto copy = duplicate(*sockets);
  REQUIRE(copy);
  CHECK(copy->udp.get() != sockets->udp.get());
  sockets->udp.reset(-1);
  CHECK(port_of(copy->udp.get()) == sockets->endpoint.port);
}

TEST_CASE("a descriptor is closed by its owner alone") {
  FileDescriptor first(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int fd = first.get();
  FileDescriptor second(std::move(first));
  CHECK(first.get() == -1);  // NOLINT: moved from on purpose
  CHECK(second.get() == fd);
  FileDescriptor& alias = second;
  second = std::move(alias);
  CHECK(second.get() == fd);
  CHECK(::fcntl(fd, F_GETFD) >= 0);
  second.reset(-1);
  CHECK(::fcntl(fd, F_GETFD) < 0);
}

}  // namespace dnscache
