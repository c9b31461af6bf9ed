// Clients over TCP (RFC 7766).
#pragma once

#include <asio/ip/tcp.hpp>
#include <memory>

#include "resolver/server/acceptor.hpp"
#include "resolver/server/tcp_clients.hpp"
#include "resolver/server/worker.hpp"

namespace dnscache {

/// One listening TCP socket. Its connections take pipelined queries and get their replies in the
/// order in which they become known; each is closed when it is idle for ten seconds, when one
/// message takes that long, when it doesn't read its replies, or after two minutes.
class TcpListener {
 public:
  TcpListener(Worker& worker, FileDescriptor socket, const Endpoint& endpoint);
  TcpListener(const TcpListener&) = delete;
  TcpListener& operator=(const TcpListener&) = delete;
  const Endpoint& endpoint() const { return endpoint_; }
  void close();

 private:
  void take(asio::ip::tcp::socket socket);

  Worker& worker_;
  Endpoint endpoint_;
  std::shared_ptr<TcpClients> clients_;  // shared with the connections
  Acceptor<asio::ip::tcp> acceptor_;
};

}  // namespace dnscache
