#include "resolver/server/tcp.hpp"

#include <array>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cstring>
#include <utility>
#include <vector>

namespace dnscache {
namespace {

using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using asio::ip::tcp;

constexpr unsigned max_connections = 512;         // of one worker's listener
constexpr unsigned max_outstanding = 100;         // queries of one connection without a reply yet
constexpr std::size_t max_query = 4096;           // bytes; what is longer is no query
constexpr std::size_t max_unsent = 256 << 10;     // bytes of unread replies until no more is asked
constexpr std::size_t too_much_unsent = 2 << 20;  // bytes of unread replies that end a connection
constexpr Duration idle_timeout = 10s;
constexpr std::size_t prefix_size = 2;  // bytes, RFC 1035 section 4.2.2
constexpr std::size_t min_room = 512;   // bytes that write_reply() may always use

/// One client's connection; kept alive by its coroutines and by the replies it waits for.
class TcpConnection final : public std::enable_shared_from_this<TcpConnection> {
 public:
  /// `client` is none where everybody is served.
  TcpConnection(Worker& worker, tcp::socket socket, std::optional<IpAddress> client,
                std::shared_ptr<unsigned> connections)
      : worker_(worker),
        client_(client),
        socket_(std::move(socket)),
        deadline_(worker.io()),
        changed_(worker.io()),
        connections_(std::move(connections)) {
    changed_.expires_at(TimePoint::max());
    ++*connections_;
  }
  ~TcpConnection() {
    worker_.service().owed -= owed_;
    --*connections_;
  }

  void start() {
    std::error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    asio::co_spawn(worker_.io(), read(shared_from_this()), asio::detached);
    asio::co_spawn(worker_.io(), write(shared_from_this()), asio::detached);
    extend_deadline();
  }

 private:
  static awaitable<void> read(std::shared_ptr<TcpConnection> self) {
    std::error_code error;
    std::array<std::uint8_t, prefix_size> prefix;
    std::vector<std::uint8_t> packet;
    while (self->is_open_) {
      while (self->is_open_ && self->is_overloaded()) co_await self->wait_for_change();
      co_await asio::async_read(self->socket_, asio::buffer(prefix),
                                redirect_error(use_awaitable, error));
      if (error || load16(prefix.data()) > max_query) break;
      packet.resize(load16(prefix.data()));
      co_await asio::async_read(self->socket_, asio::buffer(packet),
                                redirect_error(use_awaitable, error));
      if (error || !self->serve(packet)) break;
      self->extend_deadline();
    }
    self->no_more_queries_ = true;  // what was asked is still answered (RFC 7766 section 6.2.1)
    self->changed_.cancel();
  }

  static awaitable<void> write(std::shared_ptr<TcpConnection> self) {
    std::error_code error;
    while (self->is_open_ && !error) {
      if (self->unsent_.empty()) {
        if (self->no_more_queries_ && self->outstanding_ == 0) break;
        co_await self->wait_for_change();
        continue;
      }
      const std::vector<std::uint8_t> bytes = std::exchange(self->unsent_, {});
      const unsigned replies = std::exchange(self->unsent_late_replies_, 0);
      auto buffer = asio::buffer(bytes);
      co_await asio::async_write(self->socket_, buffer, redirect_error(use_awaitable, error));
      self->worker_.service().owed -= replies;
      self->owed_ -= replies;
      self->extend_deadline();
      self->changed_.cancel();
    }
    self->close();
  }

  // False for bytes that are no query: there is no telling what comes next.
  bool serve(const std::vector<std::uint8_t>& packet) {
    static thread_local std::vector<std::uint8_t> out(max_message_size);
    Incoming incoming;
    read_packet(worker_, packet, incoming);
    const Decision decision = decide(worker_, Transport::tcp, client_ ? &*client_ : nullptr,
                                     incoming, cache_clock(), out.size(), out.data());
    switch (decision.verdict) {
      case Verdict::ignore:
        return false;
      case Verdict::reply:
        if (logs_queries(worker_.service())) {
          log_decision(worker_.service(), peer(), Transport::tcp, incoming,
                       {out.data(), decision.size}, decision.origin);
        }
        push({out.data(), decision.size});
        return true;
      case Verdict::resolve:
        break;
    }
    ++outstanding_;
    ++owed_;
    ++worker_.service().owed;
    // The resolver answers on its own thread; the reply is written, and the connection given up, on
    // this one.
    const bool is_logged = logs_queries(worker_.service());
    const TimePoint asked_at = is_logged ? Clock::now() : TimePoint{};
    auto reply = [self = shared_from_this(), packet, asked_at,
                  client = is_logged ? peer() : std::nullopt](const Answer& answer) mutable {
      count_late_reply(self->worker_.service().late_stats, answer);
      Query asked;
      read_query(packet, asked);
      if (logs_queries(self->worker_.service())) {
        log_answer(self->worker_.service(), client, Transport::tcp, asked.question, answer,
                   asked_at);
      }
      std::vector<std::uint8_t> bytes(reply_overhead(asked) + answer.records.size() + min_room);
      const std::size_t limit = std::min<std::size_t>(bytes.size(), max_message_size);
      const ReplyRule rule = late_rule(self->worker_.service(), asked);
      bytes.resize(write_reply(asked, answer.view(), rule, limit, bytes.data()));
      asio::io_context& io = self->worker_.io();
      asio::post(io, [self = std::move(self), bytes = std::move(bytes)] {
        --self->outstanding_;
        ++self->unsent_late_replies_;
        self->push(bytes);
      });
    };
    worker_.service().ask(incoming.query.question, incoming.hash, std::move(reply));
    return true;
  }

  std::optional<Endpoint> peer() {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    const int fd = socket_.native_handle();
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
    return Endpoint::from_sockaddr(address);
  }

  void push(ByteView message) {
    unsent_.push_back(static_cast<std::uint8_t>(message.size() >> 8));
    unsent_.push_back(static_cast<std::uint8_t>(message.size()));
    unsent_.insert(unsent_.end(), message.begin(), message.end());
    changed_.cancel();
    if (unsent_.size() > too_much_unsent) close();
  }

  bool is_overloaded() const {
    return outstanding_ >= max_outstanding || unsent_.size() >= max_unsent;
  }

  awaitable<void> wait_for_change() {
    std::error_code cancelled;
    co_await changed_.async_wait(redirect_error(use_awaitable, cancelled));
  }

  void extend_deadline() {
    deadline_.expires_after(idle_timeout);
    deadline_.async_wait([self = shared_from_this()](std::error_code cancelled) {
      if (cancelled) return;
      // Whoever only waits for a slow upstream is not idle.
      if (self->outstanding_ != 0 && self->unsent_.empty()) return self->extend_deadline();
      self->close();
    });
  }

  void close() {
    is_open_ = false;
    std::error_code ignored;
    socket_.close(ignored);
    deadline_.cancel();
    changed_.cancel();
  }

  Worker& worker_;
  std::optional<IpAddress> client_;
  tcp::socket socket_;
  asio::steady_timer deadline_;
  asio::steady_timer changed_;  // never expires; cancelled to wake who waits for a change
  std::shared_ptr<unsigned> connections_;
  std::vector<std::uint8_t> unsent_;
  unsigned outstanding_ = 0;          // queries that the resolver still works on
  unsigned unsent_late_replies_ = 0;  // their replies in unsent_
  unsigned owed_ = 0;                 // both, and what is being written
  bool is_open_ = true;
  bool no_more_queries_ = false;
};

// Who is at the other end, where that matters: whoever reaches a loopback address is on this
// machine.
std::optional<IpAddress> client_to_check(const Endpoint& listener, const tcp::socket& socket) {
  if (listener.address.is_loopback()) return std::nullopt;
  std::error_code gone;
  const auto remote = socket.remote_endpoint(gone);
  sockaddr_storage storage{};
  if (!gone) std::memcpy(&storage, remote.data(), remote.size());
  const auto endpoint = Endpoint::from_sockaddr(storage);
  return endpoint ? endpoint->address : IpAddress{};
}

tcp::acceptor make_acceptor(asio::io_context& io, FileDescriptor socket, const Endpoint& endpoint) {
  const auto protocol = endpoint.address.is_v6 ? tcp::v6() : tcp::v4();
  return tcp::acceptor(io, protocol, socket.release());
}

}  // namespace

TcpListener::TcpListener(Worker& worker, FileDescriptor socket, const Endpoint& endpoint)
    : worker_(worker),
      endpoint_(endpoint),
      connections_(std::make_shared<unsigned>(0)),
      acceptor_(make_acceptor(worker.io(), std::move(socket), endpoint),
                [this](tcp::socket connection) { take(std::move(connection)); }) {}

void TcpListener::close() { acceptor_.close(); }

void TcpListener::take(tcp::socket socket) {
  if (*connections_ >= max_connections) return;
  const auto client = client_to_check(endpoint_, socket);
  std::make_shared<TcpConnection>(worker_, std::move(socket), client, connections_)->start();
}

}  // namespace dnscache
