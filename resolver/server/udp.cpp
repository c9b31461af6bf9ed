#include "resolver/server/udp.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "resolver/server/reply_burst.hpp"
#include "resolver/server/unanswered.hpp"

namespace dnscache {
namespace {

constexpr unsigned burst_size = ReplyBurst::max_replies;  // packets per system call
constexpr unsigned bursts_in_turn = 4;   // before misses, timers and other sockets get theirs
constexpr std::size_t max_query = 2048;  // bytes; what is longer is no query
constexpr std::size_t query_stride = max_query + 64;  // no power of two: they share cache sets
constexpr std::size_t max_loopback_reply =
    ReplyBurst::max_reply_size;  // bytes; no path in between to fragment it

/// The address that a packet was sent to, as recvmsg(2) gives it and sendmsg(2) wants it.
using Control = decltype(ReturnAddress::control);

// The reply leaves from the address that was asked, by whatever interface leads to the client.
void turn_round(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != IPPROTO_IP || part->cmsg_type != IP_PKTINFO) continue;
    in_pktinfo info;
    std::memcpy(&info, CMSG_DATA(part), sizeof info);
    info.ipi_ifindex = 0;
    info.ipi_spec_dst = info.ipi_addr;
    std::memcpy(CMSG_DATA(part), &info, sizeof info);
  }
}

IpAddress client_of(const sockaddr_storage& from) {
  const auto endpoint = Endpoint::from_sockaddr(from);
  return endpoint ? endpoint->address : IpAddress{};
}

}  // namespace

/// The buffers of one burst of queries and their replies.
struct UdpListener::Burst {
  Burst(int socket, bool may_merge) : replies(socket, may_merge) {}

  std::array<std::array<std::uint8_t, query_stride>, burst_size> in;
  std::array<sockaddr_storage, burst_size> from;
  std::array<Control, burst_size> control;
  std::array<iovec, burst_size> in_parts;
  std::array<mmsghdr, burst_size> queries;
  std::array<std::uint8_t, burst_size> misses;
  std::array<Incoming, burst_size> incoming;
  ReplyBurst replies;
};

/// What is needed to reply to one query later, from whatever thread.
struct UdpListener::LateReply {
  std::shared_ptr<FileDescriptor> socket;
  std::vector<std::uint8_t> packet;
  ReturnAddress to;
  std::size_t max_reply;
  const Service* service;
  std::uint64_t ticket;
  TimePoint asked_at;

  void operator()(const Answer& answer) {
    count_late_reply(service->late_stats, answer);
    send(answer);
    if (service->unanswered != nullptr) service->unanswered->forget(ticket);
    --service->owed;
  }

  void send(const Answer& answer) {
    std::array<std::uint8_t, max_loopback_reply> out;
    Query query;
    read_query(packet, query);
    const std::size_t limit = std::min<std::size_t>(query.udp_size, max_reply);
    const ReplyRule rule = late_rule(*service, query);
    iovec part{out.data(), write_reply(query, answer.view(), rule, limit, out.data())};
    msghdr message{};
    message.msg_name = &to.client;
    message.msg_namelen = to.client_size;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = to.control_size != 0 ? to.control.data() : nullptr;
    message.msg_controllen = to.control_size;
    ::sendmsg(socket->get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (logs_queries(*service)) {
      log_answer(*service, Endpoint::from_sockaddr(to.client), Transport::udp, query.question,
                 answer, asked_at);
    }
  }
};

UdpListener::UdpListener(Worker& worker, FileDescriptor socket, const Endpoint& endpoint)
    : worker_(worker),
      endpoint_(endpoint),
      socket_(std::make_shared<FileDescriptor>(std::move(socket))),
      readable_(worker.io(), ::fcntl(socket_->get(), F_DUPFD_CLOEXEC, 3)),
      checks_clients_(!endpoint.address.is_loopback()),
      max_reply_(endpoint.address.is_loopback() ? max_loopback_reply : edns_udp_size),
      burst_(std::make_unique<Burst>(socket_->get(), endpoint.address.is_loopback())) {
  for (unsigned i = 0; i < burst_size; ++i) prepare(i);
  wait();
}

UdpListener::~UdpListener() = default;

void UdpListener::close() { readable_.close(); }

// A connected socket gets its peer's packets alone, and here it is its own peer. The kernel answers
// others with an ICMP error; what a socket holds when it is closed is dropped without a word.
void UdpListener::refuse_queries() {
  Endpoint self = endpoint_;
  if (self.address.is_unspecified()) {
    self.address = *IpAddress::parse(self.address.is_v6 ? "::1" : "127.0.0.1");
  }
  sockaddr_storage address;
  const socklen_t size = self.to_sockaddr(address);
  (void)!::connect(socket_->get(), reinterpret_cast<const sockaddr*>(&address), size);
}

void UdpListener::wait() {
  readable_.async_wait(asio::posix::stream_descriptor::wait_read, [this](std::error_code error) {
    if (error) return;
    serve();
    if (readable_.is_open()) wait();
  });
}

// While the event loop watches a socket, each packet sent calls it to say that there is room again:
// a thirtieth of the cost of a reply. So it does not watch while queries come in full bursts.
void UdpListener::serve() {
  if (!serve_burst()) return;
  const int descriptor = readable_.release();
  for (unsigned i = 1; i < bursts_in_turn && serve_burst(); ++i) {
  }
  std::error_code no_memory;
  while (readable_.assign(descriptor, no_memory), no_memory) serve_burst();
}

// recvmsg(2) overwrites what it is told about the room for addresses.
void UdpListener::prepare(unsigned place) {
  const bool any_address = endpoint_.address.is_unspecified();
  Burst& burst = *burst_;
  burst.in_parts[place] = {burst.in[place].data(), max_query};
  msghdr& message = burst.queries[place].msg_hdr;
  message.msg_name = &burst.from[place];
  message.msg_namelen = sizeof burst.from[place];
  message.msg_iov = &burst.in_parts[place];
  message.msg_iovlen = 1;
  message.msg_control = any_address ? burst.control[place].data() : nullptr;
  message.msg_controllen = any_address ? sizeof(Control) : 0;
  message.msg_flags = 0;
}

// True when there may be more to read.
bool UdpListener::serve_burst() {
  Burst& burst = *burst_;
  const int received =
      ::recvmmsg(socket_->get(), burst.queries.data(), burst_size, MSG_DONTWAIT, nullptr);
  if (received <= 0) return false;

  for (unsigned i = 0; i < static_cast<unsigned>(received); ++i) {
    read_packet(worker_, {burst.in[i].data(), burst.queries[i].msg_len}, burst.incoming[i]);
  }
  for (unsigned i = 0; received > 1 && i < static_cast<unsigned>(received); ++i) {
    if (burst.incoming[i].fault == QueryFault::none) {
      worker_.service().cache.prefetch_entry(burst.incoming[i].hash);
    }
  }
  const CacheSeconds now = cache_clock();
  const bool is_logged = logs_queries(worker_.service());
  burst.replies.clear();
  unsigned misses = 0;
  for (unsigned i = 0; i < static_cast<unsigned>(received); ++i) {
    mmsghdr& incoming = burst.queries[i];
    if (incoming.msg_hdr.msg_flags & MSG_TRUNC) continue;
    IpAddress client;
    if (checks_clients_) client = client_of(burst.from[i]);
    const Decision decision = decide(worker_, Transport::udp, checks_clients_ ? &client : nullptr,
                                     burst.incoming[i], now, max_reply_, burst.replies.room());
    switch (decision.verdict) {
      case Verdict::ignore:
        break;
      case Verdict::resolve:
        burst.misses[misses++] = static_cast<std::uint8_t>(i);
        break;
      case Verdict::reply:
        turn_round(incoming.msg_hdr);
        if (is_logged) {
          log_decision(worker_.service(), Endpoint::from_sockaddr(burst.from[i]), Transport::udp,
                       burst.incoming[i], {burst.replies.room(), decision.size}, decision.origin);
        }
        burst.replies.add(decision.size, incoming.msg_hdr);
        break;
    }
  }
  burst.replies.send(socket_->get());
  for (unsigned i = 0; i < misses; ++i) resolve(burst.misses[i]);
  for (unsigned i = 0; i < static_cast<unsigned>(received); ++i) prepare(i);
  return received == static_cast<int>(burst_size);
}

void UdpListener::resolve(unsigned place) {
  mmsghdr& incoming = burst_->queries[place];
  const ByteView packet{burst_->in[place].data(), incoming.msg_len};
  turn_round(incoming.msg_hdr);
  const ReturnAddress to{burst_->from[place], incoming.msg_hdr.msg_namelen, burst_->control[place],
                         incoming.msg_hdr.msg_controllen};
  const auto unanswered = worker_.service().unanswered;
  const std::uint64_t ticket = unanswered != nullptr ? unanswered->keep(endpoint_, to, packet) : 0;
  ask(to, packet, burst_->incoming[place], ticket);
}

void UdpListener::answer(const LeftQuery& left) {
  Incoming incoming;
  read_packet(worker_, left.packet, incoming);
  if (incoming.fault == QueryFault::none) ask(left.to, left.packet, incoming, 0);
}

void UdpListener::ask(const ReturnAddress& to, ByteView packet, const Incoming& incoming,
                      std::uint64_t ticket) {
  const auto& service = worker_.service();
  const TimePoint asked_at = logs_queries(service) ? Clock::now() : TimePoint{};
  LateReply reply{socket_, {packet.begin(), packet.end()}, to, max_reply_, &service, ticket,
                  asked_at};
  ++service.owed;
  service.ask(incoming.query.question, incoming.hash, std::move(reply));
}

}  // namespace dnscache
