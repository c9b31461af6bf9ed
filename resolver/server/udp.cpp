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
constexpr Duration patience_of_remote_clients = 1900ms;
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

// The same as IpAddress::is_loopback(), for every packet to a loopback address.
bool is_from_loopback(const sockaddr_storage& from) {
  if (from.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(from);
    return ::ntohl(v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(from);
  return from.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
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

/// What is needed to reply to one query later, from whatever thread. Thousands are kept at a time.
class UdpListener::LateReply {
 public:
  LateReply(const UdpListener& listener, const ReturnAddress& to, ByteView packet,
            std::uint64_t ticket)
      : socket_(listener.socket_),
        service_(&listener.worker_.service()),
        ticket_(ticket),
        asked_at_(Clock::now()),
        max_reply_(static_cast<std::uint16_t>(listener.max_reply_)),
        client_size_(static_cast<std::uint8_t>(to.client_size)),
        control_size_(static_cast<std::uint8_t>(to.control_size)),
        bytes_(client_size_ + control_size_ + packet.size()) {
    std::memcpy(bytes_.data(), &to.client, client_size_);
    std::memcpy(bytes_.data() + client_size_, to.control.data(), control_size_);
    std::ranges::copy(packet, bytes_.end() - static_cast<std::ptrdiff_t>(packet.size()));
  }

  void operator()(const Answer& answer) {
    ReturnAddress to = return_address();
    // A forged address would get the answers to many questions at the same moment (DNSBomb).
    const bool is_too_late = Clock::now() - asked_at_ > patience_of_remote_clients;
    if (!is_too_late || is_from_loopback(to.client)) {
      count_late_reply(service_->late_stats, answer);
      send(to, answer);
    } else {
      ++service_->late_stats.dropped;
    }
    if (service_->unanswered != nullptr) service_->unanswered->forget(ticket_);
    --service_->owed;
  }

 private:
  ReturnAddress return_address() const {
    ReturnAddress to{};
    to.client_size = client_size_;
    to.control_size = control_size_;
    std::memcpy(&to.client, bytes_.data(), client_size_);
    std::memcpy(to.control.data(), bytes_.data() + client_size_, control_size_);
    return to;
  }

  void send(ReturnAddress& to, const Answer& answer) const {
    std::array<std::uint8_t, max_loopback_reply> out;
    Query query;
    read_query(ByteView(bytes_).subspan(std::size_t{client_size_} + control_size_), query);
    const std::size_t limit = std::min<std::size_t>(query.udp_size, max_reply_);
    const ReplyRule rule = late_rule(*service_, query);
    iovec part{out.data(), write_reply(query, answer.view(), rule, limit, out.data())};
    msghdr message{};
    message.msg_name = &to.client;
    message.msg_namelen = to.client_size;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = to.control_size != 0 ? to.control.data() : nullptr;
    message.msg_controllen = to.control_size;
    ::sendmsg(socket_->get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (logs_queries(*service_)) {
      log_answer(*service_, Endpoint::from_sockaddr(to.client), Transport::udp, query.question,
                 answer, asked_at_);
    }
  }

  std::shared_ptr<FileDescriptor> socket_;
  const Service* service_;
  std::uint64_t ticket_;
  TimePoint asked_at_;
  std::uint16_t max_reply_;
  std::uint8_t client_size_;
  std::uint8_t control_size_;
  std::vector<std::uint8_t> bytes_;  // the client's address, the control message, the query
};

UdpListener::UdpListener(Worker& worker, FileDescriptor socket, const Endpoint& endpoint)
    : worker_(worker),
      endpoint_(endpoint),
      socket_(std::make_shared<FileDescriptor>(std::move(socket))),
      readable_(worker.io(), ::fcntl(socket_->get(), F_DUPFD_CLOEXEC, 3)),
      is_loopback_(endpoint.address.is_loopback()),
      max_reply_(is_loopback_ ? max_loopback_reply : edns_udp_size),
      burst_(std::make_unique<Burst>(socket_->get(), is_loopback_)) {
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
    // With net.ipv4.conf.*.route_localnet neighbours can reach a loopback address as well.
    const bool is_ours = is_loopback_ && is_from_loopback(burst.from[i]);
    IpAddress client;
    if (!is_ours) client = client_of(burst.from[i]);
    const Decision decision = decide(worker_, Transport::udp, is_ours ? nullptr : &client,
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
  if (worker_.service().owed >= worker_.service().max_owed) {
    ++worker_.stats().dropped;
    return;
  }
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
  const bool is_ours = is_from_loopback(to.client);
  const ClientId client = is_ours ? this_machine : client_id(client_of(to.client));
  ++service.owed;
  service.ask(incoming.query.question, incoming.hash, LateReply(*this, to, packet, ticket), client);
}

}  // namespace dnscache
