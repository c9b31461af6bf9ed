// Clients over TCP (RFC 7766).
#pragma once

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <memory>

#include "resolver/server/worker.hpp"

namespace dnscache {

/// One listening TCP socket. Its connections take pipelined queries and get their replies in the
/// order in which they become known; each is closed when it is idle for ten seconds, when one
/// message takes that long, or when it doesn't read its replies.
class TcpListener {
 public:
  TcpListener(Worker& worker, FileDescriptor socket, const Endpoint& endpoint);
  ~TcpListener();
  TcpListener(const TcpListener&) = delete;
  TcpListener& operator=(const TcpListener&) = delete;
  const Endpoint& endpoint() const { return endpoint_; }
  void close();

 private:
  void accept();
  void accept_later();

  Worker& worker_;
  Endpoint endpoint_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  std::shared_ptr<unsigned> connections_;  // open now; shared with the connections
  std::shared_ptr<bool> alive_;
};

}  // namespace dnscache
