// Clients over TCP (RFC 7766).
#pragma once

#include <asio/ip/tcp.hpp>

#include "resolver/server/worker.hpp"

namespace dnscache {

/// One listening TCP socket. Its connections take pipelined queries and get their replies in the
/// order in which they become known; each is closed when it is idle for ten seconds, when one
/// message takes that long, or when it doesn't read its replies.
class TcpListener {
 public:
  TcpListener(Worker& worker, FileDescriptor socket, const Endpoint& endpoint);
  const Endpoint& endpoint() const { return endpoint_; }
  void close();

 private:
  void accept();

  Worker& worker_;
  Endpoint endpoint_;
  asio::ip::tcp::acceptor acceptor_;
  std::shared_ptr<unsigned> connections_;  // open now; shared with the connections
};

}  // namespace dnscache
