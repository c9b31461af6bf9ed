// Clients over UDP.
#pragma once

#include <asio/posix/stream_descriptor.hpp>
#include <memory>

#include "resolver/server/worker.hpp"

namespace dnscache {

struct ReturnAddress;

/// One UDP socket: takes queries in bursts and sends their replies in bursts.
class UdpListener {
 public:
  UdpListener(Worker& worker, FileDescriptor socket, const Endpoint& endpoint);
  ~UdpListener();

  const Endpoint& endpoint() const { return endpoint_; }
  /// Takes no more queries; replies of those in flight still go out.
  void close();
  /// The port looks closed to clients, though systemd holds it open still.
  void refuse_queries();
  void answer(const LeftQuery& left);

 private:
  struct Burst;
  class LateReply;

  void wait();
  void serve();
  bool serve_burst();
  void prepare(unsigned place);
  void resolve(unsigned place);
  void ask(const ReturnAddress& to, ByteView packet, const Incoming& incoming,
           std::uint64_t ticket);

  Worker& worker_;
  Endpoint endpoint_;
  std::shared_ptr<FileDescriptor> socket_;  // shared with replies that come after close()
  asio::posix::stream_descriptor readable_;
  bool is_loopback_;
  std::size_t max_reply_;
  std::unique_ptr<Burst> burst_;
};

}  // namespace dnscache
