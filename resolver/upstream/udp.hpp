// Queries to one upstream over UDP.
#pragma once

#include <array>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <memory>
#include <vector>

#include "resolver/upstream/world.hpp"

namespace dnscache {

/// A pool of connected UDP sockets, each on a source port of its own that the kernel picked at
/// random; each query takes one of them by chance (RFC 5452 section 9.2). The kernel passes only
/// packets from the upstream's address. A socket is replaced after a few dozen queries or a few
/// seconds, so that a port that somebody has found out is soon worthless.
class UdpCarrier final : public Carrier {
 public:
  UdpCarrier(asio::io_context& io, World& world, const Endpoint& upstream);
  ~UdpCarrier() override;

  std::error_code send(Parcel& parcel) override;
  void forget(Parcel& parcel) override;

 private:
  struct Socket;

  void wait_for_packets();
  void read_packets();
  void read_packet(Socket& socket);
  Socket* pick_socket(std::uint64_t chance, std::error_code& error);
  std::unique_ptr<Socket> open(std::error_code& error);
  void retire(std::unique_ptr<Socket>& socket);
  void close_retired();
  void fail_all(Socket& socket, std::error_code reason);

  static constexpr std::size_t pool_size = 64;

  World& world_;
  Endpoint upstream_;
  asio::posix::stream_descriptor epoll_;  // one for all sockets: asio would ask epoll for each
  std::array<std::unique_ptr<Socket>, pool_size> pool_;
  std::vector<std::unique_ptr<Socket>> retired_;  // until their last answer or time-out
  bool is_reading_ = false;
  std::vector<std::uint8_t> buffer_;
  std::shared_ptr<bool> alive_;
};

}  // namespace dnscache
