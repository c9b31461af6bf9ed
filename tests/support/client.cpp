#include "tests/support/client.hpp"

#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <random>
#include <system_error>
#include <utility>

namespace dnscache::test {
namespace {

using Clock = std::chrono::steady_clock;

int connected_socket(const Address& server, int type) {
  sockaddr_storage storage{};
  const auto length = server.to_sockaddr(storage);
  const int fd = socket(storage.ss_family, type | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&storage), length) != 0) {
    const int error = errno;
    if (fd >= 0) close(fd);
    throw std::system_error(error, std::generic_category(), "connect to " + server.to_text());
  }
  const int on = 1;
  if (type == SOCK_STREAM) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

bool is_readable_before(int fd, Clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
  pollfd poll_fd{fd, POLLIN, 0};
  return poll(&poll_fd, 1, static_cast<int>(std::max<std::int64_t>(0, left))) > 0;
}

std::uint16_t random_id() {
  static thread_local std::mt19937 random{std::random_device{}()};
  return static_cast<std::uint16_t>(random() % 65535 + 1);
}

}  // namespace

UdpClient::UdpClient(const Address& server) : fd_(connected_socket(server, SOCK_DGRAM)) {}
UdpClient::~UdpClient() { close(fd_); }

void UdpClient::send(const Bytes& packet) {
  if (::send(fd_, packet.data(), packet.size(), 0) < 0 && errno != ECONNREFUSED) {
    throw std::system_error(errno, std::generic_category(), "send");
  }
}

std::optional<Bytes> UdpClient::receive(milliseconds timeout) {
  if (!is_readable_before(fd_, Clock::now() + timeout)) return std::nullopt;
  Bytes buffer(65535);
  const auto size = recv(fd_, buffer.data(), buffer.size(), 0);
  if (size < 0) return std::nullopt;
  buffer.resize(static_cast<std::size_t>(size));
  return buffer;
}

std::optional<Message> UdpClient::receive_message(milliseconds timeout) {
  const auto packet = receive(timeout);
  return packet ? decode(*packet) : std::nullopt;
}

TcpClient::TcpClient(const Address& server) : fd_(connected_socket(server, SOCK_STREAM)) {}
TcpClient::~TcpClient() { close(fd_); }

void TcpClient::send_raw(const Bytes& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const auto sent = ::send(fd_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (sent < 0) throw std::system_error(errno, std::generic_category(), "send");
    done += static_cast<std::size_t>(sent);
  }
}

void TcpClient::finish_sending() { shutdown(fd_, SHUT_WR); }

/// Reads until `size` bytes are there; false when time is up or the peer has closed.
bool TcpClient::fill(std::size_t size, Clock::time_point deadline) {
  while (input_.size() < size) {
    if (!is_readable_before(fd_, deadline)) return false;
    std::array<std::uint8_t, 65536> buffer;
    const auto got = recv(fd_, buffer.data(), buffer.size(), 0);
    if (got <= 0) return false;
    input_.insert(input_.end(), buffer.begin(), buffer.begin() + got);
  }
  return true;
}

std::optional<Bytes> TcpClient::receive(milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  if (!fill(2, deadline)) return std::nullopt;
  const std::size_t size = static_cast<std::size_t>(input_[0] << 8 | input_[1]);
  if (!fill(2 + size, deadline)) return std::nullopt;
  const auto end = input_.begin() + 2 + static_cast<std::ptrdiff_t>(size);
  Bytes message(input_.begin() + 2, end);
  input_.erase(input_.begin(), end);
  return message;
}

std::optional<Message> TcpClient::receive_message(milliseconds timeout) {
  const auto message = receive(timeout);
  return message ? decode(*message) : std::nullopt;
}

bool TcpClient::is_closed_within(milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  while (is_readable_before(fd_, deadline)) {
    std::array<std::uint8_t, 4096> buffer;
    if (recv(fd_, buffer.data(), buffer.size(), 0) <= 0) return true;
  }
  return false;
}

Bytes TcpClient::framed(const Bytes& message) {
  Writer out;
  out.u16(static_cast<std::uint16_t>(message.size()));
  out.append(message);
  return std::move(out.bytes);
}

std::optional<Message> ask(const Address& server, Query query, milliseconds timeout) {
  if (query.id == 0) query.id = random_id();
  UdpClient client(server);
  client.send(query);
  auto reply = client.receive_message(timeout);
  if (reply && reply->id != query.id) return std::nullopt;
  return reply;
}

std::optional<Message> ask(const Address& server, const std::string& name, std::uint16_t type) {
  Query query;
  query.name = name;
  query.type = type;
  return ask(server, std::move(query));
}

std::optional<Message> ask_tcp(const Address& server, Query query, milliseconds timeout) {
  if (query.id == 0) query.id = random_id();
  TcpClient client(server);
  client.send(query);
  auto reply = client.receive_message(timeout);
  if (reply && reply->id != query.id) return std::nullopt;
  return reply;
}

}  // namespace dnscache::test
