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

constexpr unsigned max_outstanding = 100;         // queries of one connection without a reply yet
constexpr std::size_t max_query = 4096;           // bytes; what is longer is no query
constexpr std::size_t max_unsent = 256 << 10;     // bytes of unread replies until no more is asked
constexpr std::size_t too_much_unsent = 2 << 20;  // bytes of unread replies that end a connection
constexpr Duration idle_timeout = 10s;
constexpr Duration lifetime = 2min;         // of a connection: who wants more connects again
constexpr int send_buffer_size = 64 << 10;  // bytes, of the kernel
constexpr std::size_t prefix_size = 2;      // bytes, RFC 1035 section 4.2.2
constexpr std::size_t min_room = 512;       // bytes that write_reply() may always use

/// One client's connection; kept alive by its coroutines and by the replies it waits for.
class TcpConnection final : public TcpClient, public std::enable_shared_from_this<TcpConnection> {
 public:
  /// `address` is none for this machine.
  TcpConnection(Worker& worker, tcp::socket socket, std::optional<IpAddress> address,
                ClientId client, std::shared_ptr<TcpClients> clients)
      : TcpClient(client),
        worker_(worker),
        address_(address),
        socket_(std::move(socket)),
        deadline_(worker.io()),
        changed_(worker.io()),
        clients_(std::move(clients)) {
    changed_.expires_at(TimePoint::max());
    clients_->add(*this);
  }
  virtual ~TcpConnection() {
    worker_.service().owed -= owed_;
    leave();
  }

  void start() {
    std::error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    socket_.set_option(asio::socket_base::send_buffer_size(send_buffer_size), ignored);
    asio::co_spawn(worker_.io(), read(shared_from_this()), asio::detached);
    asio::co_spawn(worker_.io(), write(shared_from_this()), asio::detached);
    extend_deadline();
  }

  std::optional<TimePoint> idle_since() const override {
    if (outstanding_ != 0 || unsent() != 0) return std::nullopt;
    return idle_since_;
  }
  std::size_t unsent() const override { return unsent_.size() + being_sent_; }
  void close() override {
    leave();
    std::error_code ignored;
    socket_.close(ignored);
    deadline_.cancel();
    changed_.cancel();
  }

 private:
  void leave() {
    if (!std::exchange(is_open_, false)) return;
    clients_->remove(*this);
    clients_->unsent_changed(-static_cast<std::ptrdiff_t>(unsent()));
    unsent_ = {};
    being_sent_ = 0;
  }

  static awaitable<void> read(std::shared_ptr<TcpConnection> self) {
    std::error_code error;
    std::array<std::uint8_t, prefix_size> prefix;
    std::vector<std::uint8_t> packet;
    while (self->is_open_ && !self->is_too_old()) {
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
      self->being_sent_ = bytes.size();
      const unsigned replies = std::exchange(self->unsent_late_replies_, 0);
      auto buffer = asio::buffer(bytes);
      co_await asio::async_write(self->socket_, buffer, redirect_error(use_awaitable, error));
      const std::size_t sent = std::exchange(self->being_sent_, 0);
      self->clients_->unsent_changed(-static_cast<std::ptrdiff_t>(sent));
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
    const Decision decision = decide(worker_, Transport::tcp, address_ ? &*address_ : nullptr,
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
        if (worker_.service().owed >= worker_.service().max_owed) {
          ++worker_.stats().dropped;
          return false;
        }
        break;
    }
    ++outstanding_;
    ++owed_;
    ++worker_.service().owed;
    // The resolver answers on its own thread; the reply is written, and the connection given up, on
    // this one.
    const bool is_logged = logs_queries(worker_.service());
    const TimePoint asked_at = Clock::now();
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
    worker_.service().ask(incoming.query.question, incoming.hash, std::move(reply), client());
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
    if (!is_open_) return;
    unsent_.push_back(static_cast<std::uint8_t>(message.size() >> 8));
    unsent_.push_back(static_cast<std::uint8_t>(message.size()));
    unsent_.insert(unsent_.end(), message.begin(), message.end());
    changed_.cancel();
    clients_->unsent_changed(static_cast<std::ptrdiff_t>(prefix_size + message.size()));
    if (unsent_.size() > too_much_unsent) close();
  }

  bool is_overloaded() const {
    return outstanding_ >= max_outstanding || unsent_.size() >= max_unsent;
  }

  awaitable<void> wait_for_change() {
    std::error_code cancelled;
    co_await changed_.async_wait(redirect_error(use_awaitable, cancelled));
  }

  bool is_too_old() const { return Clock::now() - began_ > lifetime; }

  void extend_deadline() {
    idle_since_ = Clock::now();
    deadline_.expires_after(idle_timeout);
    deadline_.async_wait([self = shared_from_this()](std::error_code cancelled) {
      // Set anew while this was on its way?
      if (cancelled || self->deadline_.expiry() > Clock::now()) return;
      // Whoever only waits for a slow upstream is not idle.
      if (self->outstanding_ != 0 && self->unsent_.empty()) return self->extend_deadline();
      self->close();
    });
  }

  Worker& worker_;
  std::optional<IpAddress> address_;
  tcp::socket socket_;
  asio::steady_timer deadline_;
  asio::steady_timer changed_;  // never expires; cancelled to wake who waits for a change
  std::shared_ptr<TcpClients> clients_;
  TimePoint began_ = Clock::now();
  TimePoint idle_since_ = began_;
  std::vector<std::uint8_t> unsent_;
  std::size_t being_sent_ = 0;        // bytes that were in unsent_
  unsigned outstanding_ = 0;          // queries that the resolver still works on
  unsigned unsent_late_replies_ = 0;  // their replies in unsent_
  unsigned owed_ = 0;                 // both, and what is being written
  bool is_open_ = true;
  bool no_more_queries_ = false;
};

IpAddress address_of(const tcp::socket& socket) {
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
      clients_(
          std::make_shared<TcpClients>(worker.service().tcp_limits, worker.service().tcp_unsent)),
      acceptor_(make_acceptor(worker.io(), std::move(socket), endpoint),
                [this](tcp::socket connection) { take(std::move(connection)); }) {}

void TcpListener::close() { acceptor_.close(); }

void TcpListener::take(tcp::socket socket) {
  const IpAddress address = address_of(socket);
  const ClientId client = client_id(address);
  if (!clients_->make_room(client)) return;
  // With net.ipv4.conf.*.route_localnet neighbours can reach a loopback address as well.
  std::optional<IpAddress> checked = address;
  if (endpoint_.address.is_loopback() && client == this_machine) checked.reset();
  std::make_shared<TcpConnection>(worker_, std::move(socket), checked, client, clients_)->start();
}

}  // namespace dnscache
