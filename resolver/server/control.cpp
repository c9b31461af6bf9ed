#include "resolver/server/control.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/read_until.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <map>
#include <string_view>

#include "resolver/server/acceptor.hpp"

namespace dnscache {
namespace {

using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using UnixStream = asio::local::stream_protocol;
using namespace std::chrono_literals;

using SocketPtr = std::shared_ptr<UnixStream::socket>;

constexpr std::size_t max_line = 256 << 10;  // bytes; the largest answer, in hexadecimal
constexpr unsigned max_clients = 32;
constexpr unsigned max_clients_of_user = 8;  // of the 32; root is not counted and always gets in
constexpr std::string_view no_room =
    "{\"ok\":false,\"error\":\"too many connections to the control socket; try again later\"}\n";
constexpr std::string_view line_too_long =
    "{\"ok\":false,\"error\":\"a command is longer than 256 KiB\"}\n";
constexpr auto waiting_pause = 1ms;
constexpr auto patience = 30s;  // with a client that sends no command or does not read

}  // namespace

ControlReply one_line(std::string line) {
  return [line = std::move(line)](std::string& out) {
    out += line + '\n';
    return false;
  };
}

/// What the accepting loop and the clients' coroutines share.
struct ControlSocket::State : std::enable_shared_from_this<State> {
  State(asio::io_context& context, UnixStream::acceptor listening,
        std::filesystem::path socket_path, ControlHandler h)
      : io(context),
        path(std::move(socket_path)),
        handler(std::move(h)),
        acceptor(std::move(listening), [this](UnixStream::socket socket) {
          take(std::make_shared<UnixStream::socket>(std::move(socket)));
        }) {}

  void take(SocketPtr socket) {
    const uid_t user = user_of(socket->native_handle());
    const bool has_room =
        user == 0 || (clients < max_clients && clients_of[user] < max_clients_of_user);
    if (!has_room) return say_last(*socket, no_room);
    asio::co_spawn(io, serve(shared_from_this(), std::move(socket), user), asio::detached);
  }

  static awaitable<void> serve(std::shared_ptr<State> self, SocketPtr socket, uid_t user) {
    self->count(user, +1);
    const ControlPeer peer{user == 0 || user == ::geteuid(), user == 0};
    asio::steady_timer deadline(self->io);
    asio::steady_timer pause(self->io);
    std::string bytes;
    std::error_code error;
    for (;;) {
      close_later(deadline, socket);
      const std::size_t size =
          co_await asio::async_read_until(*socket, asio::dynamic_buffer(bytes, max_line), '\n',
                                          redirect_error(use_awaitable, error));
      if (error == asio::error::not_found) say_last(*socket, line_too_long);
      if (error) break;
      const ControlReply reply = self->handler(bytes.substr(0, size - 1), peer);
      bytes.erase(0, size);
      bool more = true;
      while (more && !error) {
        std::string part;
        more = reply(part);
        close_later(deadline, socket);
        auto buffer = asio::buffer(part);
        co_await asio::async_write(*socket, buffer, redirect_error(use_awaitable, error));
        if (!part.empty()) continue;
        if (reply.waits()) {
          pause.expires_after(waiting_pause);
          co_await pause.async_wait(redirect_error(use_awaitable, error));
        } else {
          co_await asio::post(self->io, use_awaitable);
        }
      }
      if (error) break;
    }
    deadline.cancel();
    self->count(user, -1);
  }

  // To a client that will not be listened to any more; does not wait for it.
  static void say_last(UnixStream::socket& socket, std::string_view line) {
    std::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(line), ignored);
  }

  void count(uid_t user, int change) {
    if (user == 0) return;
    clients += change;
    clients_of[user] += change;
    if (clients_of[user] == 0) clients_of.erase(user);
  }

  // In place of an earlier time.
  static void close_later(asio::steady_timer& deadline, const SocketPtr& socket) {
    deadline.expires_after(patience);
    deadline.async_wait([socket](std::error_code cancelled) {
      std::error_code ignored;
      if (!cancelled) socket->close(ignored);
    });
  }

  // Nobody (-1) when the kernel does not tell.
  static uid_t user_of(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return static_cast<uid_t>(-1);
    return peer.uid;
  }

  asio::io_context& io;
  std::filesystem::path path;
  ControlHandler handler;
  unsigned clients = 0;
  std::map<uid_t, unsigned> clients_of;
  Acceptor<UnixStream> acceptor;
};

ControlSocket::ControlSocket(std::shared_ptr<State> state) : state_(std::move(state)) {}

ControlSocket::~ControlSocket() {
  std::error_code ignored;
  state_->acceptor.close();
  std::filesystem::remove(state_->path, ignored);
}

Result<std::unique_ptr<ControlSocket>> ControlSocket::open(asio::io_context& io,
                                                           const std::filesystem::path& path,
                                                           ControlHandler handler) {
  const auto failed = [&](const std::string& what, std::error_code error) {
    return system_error("cannot " + what + " the control socket " + path.string(), error.value());
  };
  std::error_code error;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  if (path.string().size() >= sizeof(sockaddr_un::sun_path)) {
    return Error{"the control socket's path " + path.string() + " is longer than 107 bytes"};
  }
  const UnixStream::endpoint endpoint(path.string());
  UnixStream::socket probe(io);
  probe.connect(endpoint, error);
  if (!error) {
    return Error{"another engine already runs: it answers on " + path.string() +
                 "; stop it, or set another 'control:' path"};
  }
  if (error == asio::error::connection_refused) std::filesystem::remove(path, error);

  UnixStream::acceptor acceptor(io);
  acceptor.open(UnixStream(), error);
  if (error) return failed("open", error);
  acceptor.bind(endpoint, error);
  if (error) return failed("bind", error);
  ::chmod(path.c_str(), 0666);  // everybody may look; changes are checked by the peer's user
  acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return failed("listen on", error);
  auto state = std::make_shared<State>(io, std::move(acceptor), path, std::move(handler));
  return std::unique_ptr<ControlSocket>(new ControlSocket(std::move(state)));
}

}  // namespace dnscache
