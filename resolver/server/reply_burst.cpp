#include "resolver/server/reply_burst.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace dnscache {
namespace {

constexpr unsigned min_to_merge = 8;               // replies; what few would save, sorting costs
constexpr std::size_t max_message_bytes = 60'000;  // of one UDP message, before it is cut

void send_parts(int socket, msghdr message) {
  message.msg_control = nullptr;
  message.msg_controllen = 0;
  for (std::size_t left = std::exchange(message.msg_iovlen, 1); left > 0; --left) {
    ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    ++message.msg_iov;
  }
}

// What fails is the first message's alone. A packet larger than the interface's MTU, say, cannot be
// a segment, but it can be sent.
void send_all(int socket, mmsghdr* messages, unsigned count) {
  for (unsigned sent = 0; sent < count;) {
    const int taken =
        ::sendmmsg(socket, messages + sent, count - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken <= 0 && messages[sent].msg_hdr.msg_iovlen > 1) {
      send_parts(socket, messages[sent].msg_hdr);
    }
    sent += taken > 0 ? static_cast<unsigned>(taken) : 1;
  }
}

}  // namespace

ReplyBurst::ReplyBurst(int socket, bool may_merge) {
  int size = 0;
  socklen_t room = sizeof size;
  may_merge_ = may_merge && ::getsockopt(socket, IPPROTO_UDP, UDP_SEGMENT, &size, &room) == 0;
}

void ReplyBurst::clear() {
  count_ = 0;
  next_ = bytes_.data();
}

void ReplyBurst::add(std::size_t size, const msghdr& query) {
  parts_[count_] = {next_, size};
  replies_[count_].msg_hdr = query;
  replies_[count_].msg_hdr.msg_iov = &parts_[count_];
  replies_[count_].msg_hdr.msg_iovlen = 1;
  ++count_;
  next_ += size;
}

void ReplyBurst::send(int socket) {
  if (may_merge_ && count_ >= min_to_merge) return send_merged(socket);
  send_all(socket, replies_.data(), count_);
}

ReplyBurst::Order ReplyBurst::order_by_client() const {
  Order order;
  for (unsigned i = 0; i < count_; ++i) {
    const auto* client = static_cast<const sockaddr_in*>(replies_[i].msg_hdr.msg_name);
    const std::uint64_t port = client->sin_port;  // in the same place of sockaddr_in6
    order[i] = port << 32 | (max_reply_size - parts_[i].iov_len) << 8 | i;
  }
  std::sort(order.begin(), order.begin() + count_);
  return order;
}

bool ReplyBurst::has_same_client(unsigned place, unsigned first) const {
  const msghdr& one = replies_[first].msg_hdr;
  const msghdr& other = replies_[place].msg_hdr;
  return one.msg_namelen == other.msg_namelen &&
         std::memcmp(one.msg_name, other.msg_name, one.msg_namelen) == 0;
}

void ReplyBurst::mark_segments(msghdr& message, unsigned place) {
  message.msg_control = controls_[place].bytes.data();
  message.msg_controllen = controls_[place].bytes.size();
  cmsghdr* control = CMSG_FIRSTHDR(&message);
  control->cmsg_level = IPPROTO_UDP;
  control->cmsg_type = UDP_SEGMENT;
  control->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
  const auto size = static_cast<std::uint16_t>(message.msg_iov->iov_len);
  std::memcpy(CMSG_DATA(control), &size, sizeof size);
}

// All segments of a message have one size, but for the last, which may be smaller.
void ReplyBurst::send_merged(int socket) {
  const Order order = order_by_client();
  const auto place = [&order](unsigned i) { return static_cast<unsigned>(order[i] & 0xff); };
  unsigned messages = 0;
  for (unsigned i = 0; i < count_;) {
    const unsigned first = i;
    const std::size_t size = parts_[place(first)].iov_len;
    std::size_t bytes = 0;
    bool is_last = false;
    while (i < count_ && !is_last && has_same_client(place(i), place(first)) &&
           bytes + size <= max_message_bytes) {
      ordered_parts_[i] = parts_[place(i)];
      bytes += ordered_parts_[i].iov_len;
      is_last = ordered_parts_[i].iov_len < size;
      ++i;
    }
    msghdr& message = merged_[messages].msg_hdr;
    message = replies_[place(first)].msg_hdr;
    message.msg_iov = &ordered_parts_[first];
    message.msg_iovlen = i - first;
    if (message.msg_iovlen > 1) mark_segments(message, messages);
    ++messages;
  }
  send_all(socket, merged_.data(), messages);
}

}  // namespace dnscache
