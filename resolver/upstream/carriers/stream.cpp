#include "resolver/upstream/carriers/stream.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/connect.hpp>
#include <asio/detached.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/redirect_error.hpp>
#include <asio/ssl.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cstring>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "resolver/base/asio_endpoint.hpp"
#include "resolver/wire/protocol.hpp"

namespace dnscache {
namespace {

using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using asio::ip::tcp;
using UserTimeout = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_USER_TIMEOUT>;
using TlsStream = asio::ssl::stream<tcp::socket>;

constexpr Duration connect_timeout = 4s;
constexpr Duration silence_timeout = 10s;        // nothing asked, or nothing answered
constexpr int unacknowledged_timeout_ms = 4000;  // a peer that vanished is noticed after this
constexpr std::size_t max_waiting = 1000;        // queries on one connection

/// What all TLS connections of the process share: the trusted certificates.
asio::ssl::context& tls_context() {
  static asio::ssl::context context = [] {
    asio::ssl::context fresh(asio::ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(fresh.native_handle(), TLS1_2_VERSION);
    SSL_CTX_set_session_cache_mode(fresh.native_handle(), SSL_SESS_CACHE_CLIENT);
    std::error_code ignored;
    fresh.set_default_verify_paths(ignored);
    fresh.set_verify_mode(asio::ssl::verify_peer);
    return fresh;
  }();
  return context;
}

/// The reasons why a certificate was not accepted, as OpenSSL numbers them (X509_V_ERR_…).
class CertificateErrors final : public std::error_category {
 public:
  const char* name() const noexcept override { return "certificate"; }
  std::string message(int number) const override {
    return std::string("certificate not accepted: ") + X509_verify_cert_error_string(number);
  }
};

/// One connection: plain TCP, or TLS on top of it.
struct Connection {
  Connection(asio::io_context& io, bool with_tls) : socket(io), deadline(io), more_to_write(io) {
    if (with_tls) tls = std::make_unique<TlsStream>(tcp::socket(io), tls_context());
  }
  tcp::socket& tcp_socket() { return tls ? tls->next_layer() : socket; }
  void close() {
    std::error_code ignored;
    // OpenSSL takes no session up again whose connection was not shut down. What a cut-off stream
    // could hide is shown by the length prefixes.
    if (tls) SSL_set_shutdown(tls->native_handle(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    tcp_socket().close(ignored);
    deadline.cancel();
    more_to_write.cancel();
    is_open = false;
  }

  tcp::socket socket;
  std::unique_ptr<TlsStream> tls;
  asio::steady_timer deadline;       // for connecting, later for the next response
  asio::steady_timer more_to_write;  // never expires; cancelled when there is
  std::vector<std::uint8_t> unsent;  // whole messages with their length prefixes
  bool is_open = true;
  bool has_answered = false;
};

using ConnectionPtr = std::shared_ptr<Connection>;

/// The sessions of one upstream's TLS connections, so that the next one is greeted faster.
using SessionPtr = std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)>;

/// One upstream over one connection at a time.
class StreamCarrier final : public Carrier, public std::enable_shared_from_this<StreamCarrier> {
 public:
  StreamCarrier(asio::io_context& io, World& world, UpstreamConfig upstream, Protocol protocol)
      : io_(io),
        world_(world),
        upstream_(std::move(upstream)),
        with_tls_(protocol == Protocol::tls) {}

  std::error_code send(Transaction& transaction) override {
    if (waiting_.size() >= max_waiting || (!connection_ && !transaction.take_connection())) {
      return std::make_error_code(std::errc::resource_unavailable_try_again);
    }
    std::uint16_t id;
    do {
      id = static_cast<std::uint16_t>(world_.random());
    } while (waiting_.contains(id));
    store16(transaction.query().data(), id);
    waiting_.emplace(id, &transaction);
    transaction.carrier = this;
    if (!connection_) start_connection();
    enqueue(transaction);
    return {};
  }

  void forget(Transaction& transaction) override {
    waiting_.erase(load16(transaction.query().data()));
    transaction.carrier = nullptr;
  }

  void close() override {
    for (const auto& [id, transaction] : waiting_) transaction->carrier = nullptr;
    waiting_.clear();
    if (connection_) connection_->close();
    connection_.reset();
  }

 private:
  void enqueue(Transaction& transaction) {
    const auto query = transaction.query();
    std::vector<std::uint8_t>& unsent = connection_->unsent;
    unsent.push_back(static_cast<std::uint8_t>(query.size() >> 8));
    unsent.push_back(static_cast<std::uint8_t>(query.size()));
    unsent.insert(unsent.end(), query.begin(), query.end());
    connection_->more_to_write.cancel();
  }

  void start_connection() {
    if (!upstream_.interface.empty()) {  // which may have been made anew
      find_interface(upstream_.interface, upstream_.endpoint.address);
    }
    connection_ = std::make_shared<Connection>(io_, with_tls_);
    asio::co_spawn(io_, run(shared_from_this(), connection_), asio::detached);
  }

  // Connects, then reads responses until the connection ends.
  static awaitable<void> run(std::shared_ptr<StreamCarrier> self, ConnectionPtr connection) {
    close_after(connection, connect_timeout);
    std::error_code error;
    co_await connection->tcp_socket().async_connect(to_asio<tcp>(self->upstream_.endpoint),
                                                    redirect_error(use_awaitable, error));
    if (!error) {
      connection->tcp_socket().set_option(tcp::no_delay(true), error);
      connection->tcp_socket().set_option(UserTimeout(unacknowledged_timeout_ms), error);
      if (connection->tls) co_await self->greet(connection, error);
    }
    if (!error && connection->is_open) {
      asio::co_spawn(self->io_, write(connection), asio::detached);
      error = co_await self->read(connection);
    }
    self->end(connection, error);
  }

  awaitable<void> greet(ConnectionPtr connection, std::error_code& error) {
    SSL* ssl = connection->tls->native_handle();
    X509_VERIFY_PARAM* rules = SSL_get0_param(ssl);
    if (!upstream_.tls_name.empty()) {
      SSL_set_tlsext_host_name(ssl, upstream_.tls_name.c_str());
      X509_VERIFY_PARAM_set1_host(rules, upstream_.tls_name.c_str(), 0);
    } else {
      const IpAddress& address = upstream_.endpoint.address;
      X509_VERIFY_PARAM_set1_ip(rules, address.bytes.data(), address.size());
    }
    if (session_) SSL_set_session(ssl, session_.get());
    co_await connection->tls->async_handshake(asio::ssl::stream_base::client,
                                              redirect_error(use_awaitable, error));
    static const CertificateErrors certificate_errors;
    const auto verdict = static_cast<int>(SSL_get_verify_result(ssl));
    if (error && verdict != X509_V_OK) error = {verdict, certificate_errors};
  }

  static awaitable<void> write(ConnectionPtr connection) {
    std::error_code error;
    while (connection->is_open && !error) {
      if (connection->unsent.empty()) {
        connection->more_to_write.expires_at(TimePoint::max());
        std::error_code cancelled;
        co_await connection->more_to_write.async_wait(redirect_error(use_awaitable, cancelled));
        continue;
      }
      const std::vector<std::uint8_t> bytes = std::exchange(connection->unsent, {});
      auto buffer = asio::buffer(bytes);
      if (connection->tls) {
        co_await asio::async_write(*connection->tls, buffer, redirect_error(use_awaitable, error));
      } else {
        co_await asio::async_write(connection->socket, buffer,
                                   redirect_error(use_awaitable, error));
      }
    }
    if (error) connection->close();  // the reader then ends the connection
  }

  awaitable<std::error_code> read(ConnectionPtr connection) {
    std::error_code error;
    std::array<std::uint8_t, 2> prefix;
    std::vector<std::uint8_t> packet;
    while (connection->is_open) {
      close_after(connection, silence_timeout);
      co_await read_exactly(connection, asio::buffer(prefix), error);
      if (error) co_return error;
      packet.resize(load16(prefix.data()));
      co_await read_exactly(connection, asio::buffer(packet), error);
      if (error) co_return error;
      deliver(packet);
    }
    co_return asio::error::make_error_code(asio::error::operation_aborted);
  }

  static awaitable<void> read_exactly(ConnectionPtr connection, asio::mutable_buffer buffer,
                                      std::error_code& error) {
    if (connection->tls) {
      co_await asio::async_read(*connection->tls, buffer, redirect_error(use_awaitable, error));
    } else {
      co_await asio::async_read(connection->socket, buffer, redirect_error(use_awaitable, error));
    }
  }

  void deliver(ByteView packet) {
    const World::Turn turn(world_);
    if (packet.size() < header_size) return;
    const auto found = waiting_.find(load16(packet.data()));
    if (found == waiting_.end()) return;
    Transaction& transaction = *found->second;
    waiting_.erase(found);
    if (connection_) connection_->has_answered = true;
    transaction.carrier = nullptr;
    transaction.receive(packet);  // over a stream every packet is the last
  }

  static void close_after(const ConnectionPtr& connection, Duration duration) {
    connection->deadline.expires_after(duration);
    connection->deadline.async_wait([connection](std::error_code cancelled) {
      // Set anew while this was on its way?
      if (!cancelled && connection->deadline.expiry() <= Clock::now()) connection->close();
    });
  }

  // What still waits is sent again when the server closed a connection that brought a response
  // (RFC 7766 section 6.2.4), so that each new connection has less to do; else it is lost.
  void end(const ConnectionPtr& connection, std::error_code error) {
    if (connection->tls && connection->has_answered) keep_session(*connection);
    connection->close();
    if (connection_ != connection) return;
    connection_.reset();
    if (waiting_.empty()) return;
    if (connection->has_answered && waiting_.begin()->second->take_connection()) {
      start_connection();
      for (const auto& [id, transaction] : waiting_) enqueue(*transaction);
      return;
    }
    if (!error || error == asio::error::operation_aborted) error = asio::error::timed_out;
    const World::Turn turn(world_);
    while (!waiting_.empty()) {
      Transaction& transaction = *waiting_.begin()->second;
      forget(transaction);
      transaction.fail(error);
    }
  }

  void keep_session(Connection& connection) {
    session_.reset(SSL_get1_session(connection.tls->native_handle()));
  }

  asio::io_context& io_;
  World& world_;
  UpstreamConfig upstream_;
  bool with_tls_;
  std::unordered_map<std::uint16_t, Transaction*> waiting_;
  ConnectionPtr connection_;
  SessionPtr session_{nullptr, &SSL_SESSION_free};
};

}  // namespace

std::shared_ptr<Carrier> make_stream_carrier(asio::io_context& io, World& world,
                                             const UpstreamConfig& upstream, Protocol protocol) {
  return std::make_shared<StreamCarrier>(io, world, upstream, protocol);
}

}  // namespace dnscache
