// Replies that leave together.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace dnscache {

/// The replies to one burst of queries, sent by as few system calls as can be. Where merging is
/// allowed, replies of one size to one client's port leave as one message, which the kernel cuts
/// into packets again (UDP_SEGMENT, udp(7)): the way through the network stack is paid once.
class ReplyBurst {
 public:
  static constexpr unsigned max_replies = 64;          // UDP_MAX_SEGMENTS of older kernels
  static constexpr std::size_t max_reply_size = 4096;  // bytes

  /// Merging is for sockets of one address only, as the others' messages carry control data, and
  /// for kernels that know it.
  ReplyBurst(int socket, bool may_merge);

  void clear();
  /// Where the next reply is to be written; max_reply_size bytes.
  std::uint8_t* room() { return next_; }
  /// What was written to room() goes back to where `query` came from. Its address and control data
  /// are not copied.
  void add(std::size_t size, const msghdr& query);
  /// Replies that the socket does not take are lost, as packets may be.
  void send(int socket);

 private:
  /// Numbers of the replies, each below what makes those that may merge neighbours.
  using Order = std::array<std::uint64_t, max_replies>;

  void send_merged(int socket);
  Order order_by_client() const;
  bool has_same_client(unsigned place, unsigned first) const;
  void mark_segments(msghdr& message, unsigned place);

  bool may_merge_;
  unsigned count_ = 0;
  std::array<std::uint8_t, max_reply_size * max_replies> bytes_;  // replies end to end
  std::uint8_t* next_ = bytes_.data();
  std::array<iovec, max_replies> parts_;
  std::array<mmsghdr, max_replies> replies_;
  std::array<iovec, max_replies> ordered_parts_;
  std::array<mmsghdr, max_replies> merged_;
  struct alignas(cmsghdr) Control {
    std::array<std::uint8_t, CMSG_SPACE(sizeof(std::uint16_t))> bytes;
  };
  std::array<Control, max_replies> controls_;
};

}  // namespace dnscache
