#include "cli/bench/relay.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/udp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cstring>
#include <mutex>
#include <thread>

namespace dnscache::cli {

namespace {

using asio::awaitable;
using asio::use_awaitable;
using asio::ip::tcp;
using asio::ip::udp;
using Clock = std::chrono::steady_clock;

constexpr auto patience = std::chrono::seconds(10);  // longer than anybody waits for an answer
constexpr int tries_for_a_port = 20;

template <class Protocol>
typename Protocol::endpoint to_asio(const Endpoint& endpoint) {
  sockaddr_storage storage{};
  const auto length = endpoint.to_sockaddr(storage);
  typename Protocol::endpoint out;
  std::memcpy(out.data(), &storage, length);
  out.resize(length);
  return out;
}

}  // namespace

/// The sockets and the thread that serves them.
class Relay::Loop {
 public:
  Loop() : udp_(io_), acceptor_(io_) {}

  // The same port for both protocols: the kernel picks one for UDP, and TCP may have lost it.
  Result<void> open() {
    const auto loopback = asio::ip::address_v4::loopback();
    std::error_code error;
    for (int i = 0; i < tries_for_a_port; ++i) {
      udp_ = udp::socket(io_);
      udp_.open(udp::v4(), error);
      if (!error) udp_.bind({loopback, 0}, error);
      if (error) break;
      udp_.set_option(asio::socket_base::receive_buffer_size(1 << 22), error);
      acceptor_ = tcp::acceptor(io_);
      acceptor_.open(tcp::v4(), error);
      if (!error) acceptor_.bind({loopback, udp_.local_endpoint().port()}, error);
      if (!error) acceptor_.listen(64, error);
      if (!error) return {};
    }
    return Error{"cannot start a relay on 127.0.0.1: " + error.message()};
  }

  std::uint16_t port() const { return udp_.local_endpoint().port(); }

  void run(Relay& relay) {
    relay_ = &relay;
    asio::co_spawn(io_, serve_udp(), asio::detached);
    asio::co_spawn(io_, serve_tcp(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
  }

  void stop() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  std::vector<Clock::time_point> packets() const {
    const std::lock_guard lock(mutex_);
    return packets_;
  }

 private:
  using Bytes = std::vector<char>;

  void count() {
    const std::lock_guard lock(mutex_);
    packets_.push_back(Clock::now());
  }

  awaitable<void> serve_udp() {
    Bytes buffer(65536);
    udp::endpoint from;
    for (;;) {
      std::error_code error;
      const auto size = co_await udp_.async_receive_from(
          asio::buffer(buffer), from, asio::redirect_error(use_awaitable, error));
      if (error == asio::error::operation_aborted) co_return;
      if (error) continue;  // an ICMP error of an earlier reply
      count();
      if (relay_->is_silent_) continue;
      Bytes query(buffer.data(), buffer.data() + size);
      asio::co_spawn(io_, pass_on(std::move(query), from), asio::detached);
    }
  }

  // A source port of its own for each, as the client chose one for each.
  awaitable<void> pass_on(Bytes query, udp::endpoint from) {
    const auto upstream = std::make_shared<udp::socket>(io_);
    std::error_code error;
    upstream->connect(to_asio<udp>(relay_->server_), error);
    if (!error) upstream->send(asio::buffer(query), 0, error);
    if (error) co_return;
    asio::steady_timer timer(io_, patience);
    timer.async_wait([upstream](std::error_code cancelled) {
      std::error_code ignored;
      if (!cancelled) upstream->close(ignored);
    });
    Bytes answer(65536);
    const auto size = co_await upstream->async_receive(asio::buffer(answer),
                                                       asio::redirect_error(use_awaitable, error));
    if (!error && !relay_->is_silent_) {
      udp_.send_to(asio::buffer(answer.data(), size), from, 0, error);
    }
  }

  awaitable<void> serve_tcp() {
    for (;;) {
      std::error_code error;
      auto client = std::make_shared<tcp::socket>(io_);
      co_await acceptor_.async_accept(*client, asio::redirect_error(use_awaitable, error));
      if (error) co_return;
      asio::co_spawn(io_, connect(client), asio::detached);
    }
  }

  awaitable<void> connect(std::shared_ptr<tcp::socket> client) {
    auto upstream = std::make_shared<tcp::socket>(io_);
    std::error_code error;
    co_await upstream->async_connect(to_asio<tcp>(relay_->server_),
                                     asio::redirect_error(use_awaitable, error));
    if (error) co_return;
    asio::co_spawn(io_, pump(client, upstream, true), asio::detached);
    asio::co_spawn(io_, pump(upstream, client, false), asio::detached);
  }

  awaitable<void> pump(std::shared_ptr<tcp::socket> from, std::shared_ptr<tcp::socket> to,
                       bool is_counted) {
    Bytes buffer(65536);
    for (;;) {
      std::error_code error;
      const auto size = co_await from->async_read_some(asio::buffer(buffer),
                                                       asio::redirect_error(use_awaitable, error));
      if (error) break;
      if (is_counted) count();
      if (relay_->is_silent_) continue;
      co_await asio::async_write(*to, asio::buffer(buffer.data(), size),
                                 asio::redirect_error(use_awaitable, error));
      if (error) break;
    }
    std::error_code ignored;
    to->close(ignored);
    from->close(ignored);
  }

  Relay* relay_ = nullptr;
  mutable std::mutex mutex_;
  std::vector<Clock::time_point> packets_;
  asio::io_context io_{1};
  udp::socket udp_;
  tcp::acceptor acceptor_;
  std::thread thread_;
};

Result<std::unique_ptr<Relay>> Relay::start(const Endpoint& server) {
  auto loop = std::make_unique<Loop>();
  const auto opened = loop->open();
  if (!opened) return opened.error();
  std::unique_ptr<Relay> relay(new Relay(server, std::move(loop)));
  relay->loop_->run(*relay);
  return relay;
}

Relay::Relay(const Endpoint& server, std::unique_ptr<Loop> loop)
    : server_(server),
      address_{IpAddress::v4(127, 0, 0, 1), loop->port()},
      loop_(std::move(loop)) {}

Relay::~Relay() { loop_->stop(); }

std::vector<Clock::time_point> Relay::packets() const { return loop_->packets(); }

}  // namespace dnscache::cli
