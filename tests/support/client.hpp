// A DNS client for tests that can also send what no client should.
#pragma once

#include <chrono>
#include <optional>

#include "tests/support/message.hpp"

namespace dnscache::test {

using std::chrono::milliseconds;

/// How long a test waits for what must come: long enough for a sanitizer build on a busy machine.
inline constexpr milliseconds patience{10000};
/// How long a test waits for what must not come.
inline constexpr milliseconds silence{300};

/// A UDP socket that talks to one server.
class UdpClient {
 public:
  /// Throws std::system_error.
  explicit UdpClient(const Address& server);
  ~UdpClient();
  UdpClient(const UdpClient&) = delete;
  UdpClient& operator=(const UdpClient&) = delete;

  void send(const Bytes& packet);
  void send(const Query& query) { send(encode(query)); }
  /// The next packet; nothing after `timeout`.
  std::optional<Bytes> receive(milliseconds timeout = patience);
  /// The next packet, decoded; nothing after `timeout` or when it is malformed.
  std::optional<Message> receive_message(milliseconds timeout = patience);

 private:
  int fd_;
};

/// A TCP connection to one server (RFC 7766).
class TcpClient {
 public:
  /// Throws std::system_error.
  explicit TcpClient(const Address& server);
  ~TcpClient();
  TcpClient(const TcpClient&) = delete;
  TcpClient& operator=(const TcpClient&) = delete;

  /// The bytes as they are.
  void send_raw(const Bytes& bytes);
  /// The message behind its length.
  void send(const Bytes& message) { send_raw(framed(message)); }
  void send(const Query& query) { send(encode(query)); }
  /// No more data will be sent; answers can still come.
  void finish_sending();
  /// The next message without its length; nothing after `timeout` or when the peer closes.
  std::optional<Bytes> receive(milliseconds timeout = patience);
  std::optional<Message> receive_message(milliseconds timeout = patience);
  /// The peer closes the connection within `timeout`.
  bool is_closed_within(milliseconds timeout);

  static Bytes framed(const Bytes& message);

 private:
  bool fill(std::size_t size, std::chrono::steady_clock::time_point deadline);

  int fd_;
  Bytes input_;
};

/// Asks once over UDP; a query with id 0 gets a random one. Nothing when no well-formed reply with
/// that id comes.
std::optional<Message> ask(const Address& server, Query query, milliseconds timeout = patience);
std::optional<Message> ask(const Address& server, const std::string& name,
                           std::uint16_t type = type_a);
/// The same over a new TCP connection.
std::optional<Message> ask_tcp(const Address& server, Query query, milliseconds timeout = patience);

}  // namespace dnscache::test
