#include "cli/bench/relay.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include "resolver/base/asio_endpoint.hpp"

namespace dnscache::cli {

namespace {

using asio::awaitable;
using asio::use_awaitable;
using asio::ip::tcp;
using asio::ip::udp;

constexpr auto patience = std::chrono::seconds(10);  // longer than anybody waits for an answer
constexpr std::size_t buffer_size = 65536;

}  // namespace

Result<void> Relay::start(const Endpoint& server) try {
  server_ = server;
  udp_.open(udp::v4());
  udp_.bind(to_asio<udp>(address_));
  udp_.set_option(asio::socket_base::receive_buffer_size(1 << 22));
  acceptor_.open(tcp::v4());
  acceptor_.bind(to_asio<tcp>(address_));
  acceptor_.listen();
  asio::co_spawn(io_, serve_udp(), asio::detached);
  asio::co_spawn(io_, serve_tcp(), asio::detached);
  thread_ = std::thread([this] { io_.run(); });
  return {};
} catch (const std::system_error& error) {
  return Error{"cannot start a relay on " + address_.to_text() + ": " + error.code().message()};
}

Relay::~Relay() {
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

std::vector<double> Relay::packets_since(std::chrono::steady_clock::time_point start) const {
  const std::lock_guard lock(mutex_);
  std::vector<double> out;
  for (const auto& when : packets_) {
    if (when >= start) out.push_back(std::chrono::duration<double>(when - start).count());
  }
  return out;
}

void Relay::count() {
  const std::lock_guard lock(mutex_);
  packets_.push_back(std::chrono::steady_clock::now());
}

awaitable<void> Relay::serve_udp() {
  Bytes buffer(buffer_size);
  udp::endpoint from;
  for (;;) {
    std::error_code error;  // an ICMP error of an earlier reply
    const auto size = co_await udp_.async_receive_from(asio::buffer(buffer), from,
                                                       asio::redirect_error(use_awaitable, error));
    if (error) continue;
    count();
    if (is_silent_) continue;
    Bytes query(buffer.data(), buffer.data() + size);
    asio::co_spawn(io_, pass_on(std::move(query), from), asio::detached);
  }
}

// From a source port of its own, as the client chose one. An error of any socket ends what is
// passed on here and below: asio throws it.
awaitable<void> Relay::pass_on(Bytes query, udp::endpoint from) {
  const auto upstream = std::make_shared<udp::socket>(io_);
  upstream->connect(to_asio<udp>(server_));
  upstream->send(asio::buffer(query));
  asio::steady_timer timer(io_, patience);
  timer.async_wait([upstream](std::error_code cancelled) {
    if (!cancelled) upstream->close(cancelled);
  });
  Bytes answer(buffer_size);
  const auto size = co_await upstream->async_receive(asio::buffer(answer), use_awaitable);
  if (!is_silent_) udp_.send_to(asio::buffer(answer.data(), size), from);
}

awaitable<void> Relay::serve_tcp() {
  for (;;) {
    const auto client = std::make_shared<tcp::socket>(io_);
    co_await acceptor_.async_accept(*client, use_awaitable);
    asio::co_spawn(io_, connect(client), asio::detached);
  }
}

awaitable<void> Relay::connect(Stream client) {
  const auto upstream = std::make_shared<tcp::socket>(io_);
  co_await upstream->async_connect(to_asio<tcp>(server_), use_awaitable);
  asio::co_spawn(io_, pump(client, upstream, true), asio::detached);
  asio::co_spawn(io_, pump(upstream, client, false), asio::detached);
}

awaitable<void> Relay::pump(Stream from, Stream to, bool is_counted) {
  Bytes buffer(buffer_size);
  std::error_code error;
  while (!error) {
    const auto size = co_await from->async_read_some(asio::buffer(buffer),
                                                     asio::redirect_error(use_awaitable, error));
    if (is_counted && !error) count();
    if (error || is_silent_) continue;
    co_await asio::async_write(*to, asio::buffer(buffer.data(), size),
                               asio::redirect_error(use_awaitable, error));
  }
  to->close(error);
  from->close(error);
}

Result<Relays> start_relays(const std::vector<Endpoint>& servers) {
  Relays relays;
  for (const auto& server : servers) {
    relays.push_back(std::make_unique<Relay>());
    if (const auto started = relays.back()->start(server); !started) return started.error();
  }
  return relays;
}

std::vector<Endpoint> addresses_of(const Relays& relays) {
  std::vector<Endpoint> addresses;
  for (const auto& relay : relays) addresses.push_back(relay->address());
  return addresses;
}

}  // namespace dnscache::cli
