// Taking connections, for every stream socket that listens.
#pragma once

#include <asio/basic_socket_acceptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "resolver/upstream/timers.hpp"

namespace dnscache {

/// Takes connections until close(). When the process has no file descriptors left it tries again a
/// little later.
template <class Protocol>
class Acceptor {
 public:
  using Listening = asio::basic_socket_acceptor<Protocol>;
  using Socket = typename Protocol::socket;

  /// `take` gets each connection; it is not called after close().
  Acceptor(Listening listening, std::function<void(Socket)> take)
      : state_(std::make_shared<State>(std::move(listening), std::move(take))) {
    state_->accept();
  }
  ~Acceptor() { close(); }
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  void close() {
    std::error_code ignored;
    state_->listening.close(ignored);
    state_->retry.cancel();
  }

 private:
  static constexpr Duration pause = std::chrono::milliseconds(100);

  // Outlives the acceptor until its last operation has ended.
  struct State : std::enable_shared_from_this<State> {
    State(Listening socket, std::function<void(Socket)> function)
        : listening(std::move(socket)),
          retry(listening.get_executor()),
          take(std::move(function)) {}

    void accept() {
      listening.async_accept(
          [self = this->shared_from_this()](std::error_code error, Socket socket) {
            if (!self->listening.is_open()) return;
            if (error) return self->accept_later();
            self->take(std::move(socket));
            self->accept();
          });
    }

    void accept_later() {
      retry.expires_after(pause);
      retry.async_wait([self = this->shared_from_this()](std::error_code cancelled) {
        if (!cancelled && self->listening.is_open()) self->accept();
      });
    }

    Listening listening;
    asio::steady_timer retry;
    std::function<void(Socket)> take;
  };

  std::shared_ptr<State> state_;
};

}  // namespace dnscache
