#include "tests/support/tls_server.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <openssl/ssl.h>
#include <stdexcept>

namespace dnscache::test {
namespace {

constexpr int tick_ms = 20;  // how soon a thread sees that it is to end

void run_openssl(std::vector<std::string> arguments) {
  const auto program = find_program("openssl");
  if (program.empty()) throw std::runtime_error("there is no openssl program");
  arguments.insert(arguments.begin(), program.string());
  Process openssl(std::move(arguments));
  if (openssl.wait() != 0) throw std::runtime_error("openssl: " + openssl.errors());
}

int listen_on_loopback(Address& address) {
  address = Address{"127.0.0.1", 0};
  sockaddr_storage storage{};
  socklen_t size = address.to_sockaddr(storage);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&storage), size) != 0 || listen(fd, 64) != 0) {
    throw std::system_error(errno, std::generic_category(), "TLS test server");
  }
  getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
  address = Address::from_sockaddr(storage);
  return fd;
}

int connect_to(const Address& server) {
  sockaddr_storage storage{};
  const socklen_t size = server.to_sockaddr(storage);
  const int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<sockaddr*>(&storage), size) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

// A client that is gone is no reason to end; OpenSSL writes without MSG_NOSIGNAL.
void without_sigpipe() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

bool is_readable(int fd) {
  pollfd poll_fd{fd, POLLIN, 0};
  return poll(&poll_fd, 1, tick_ms / 4) > 0;
}

// False at the end of the connection.
bool pass_on(SSL* from, int to) {
  std::array<char, 4096> bytes;
  const int size = SSL_read(from, bytes.data(), bytes.size());
  return size > 0 && send(to, bytes.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL) == size;
}

bool pass_on(int from, SSL* to) {
  std::array<char, 4096> bytes;
  const ssize_t size = recv(from, bytes.data(), bytes.size(), 0);
  return size > 0 && SSL_write(to, bytes.data(), static_cast<int>(size)) == size;
}

}  // namespace

TestCertificates::TestCertificates(const std::string& name) {
  const auto path = [this](const char* file) { return (directory_.path() / file).string(); };
  const std::string extensions = directory_.write(
      "extensions", "subjectAltName=DNS:" + name + ",IP:127.0.0.1\nbasicConstraints=CA:FALSE\n");
  run_openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
               "-days", "2", "-subj", "/CN=Test authority", "-keyout", path("ca.key"), "-out",
               path("ca.pem")});
  run_openssl({"req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
               "-subj", "/CN=" + name, "-keyout", path("server.key"), "-out", path("server.csr")});
  run_openssl({"x509", "-req", "-in", path("server.csr"), "-CA", path("ca.pem"), "-CAkey",
               path("ca.key"), "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out",
               path("server.pem")});
}

/// One client, and the thread that serves it.
struct TlsServer::Connection {
  int fd;
  std::atomic<bool> is_to_close{false};
  std::thread thread;
};

TlsServer::TlsServer(const Address& behind, const TestCertificates& certificates, Kind kind)
    : behind_(behind), kind_(kind), listener_(listen_on_loopback(address_)) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  if (SSL_CTX_use_certificate_file(context, certificates.certificate().c_str(), SSL_FILETYPE_PEM) !=
          1 ||
      SSL_CTX_use_PrivateKey_file(context, certificates.key().c_str(), SSL_FILETYPE_PEM) != 1) {
    throw std::runtime_error("TLS test server: the certificate does not load");
  }
  context_ = context;
  acceptor_ = std::thread([this] { accept_all(); });
}

TlsServer::~TlsServer() {
  is_over_ = true;
  acceptor_.join();
  for (Connection& connection : open_) connection.thread.join();
  close(listener_);
  SSL_CTX_free(static_cast<SSL_CTX*>(context_));
}

void TlsServer::close_connections() {
  const std::lock_guard lock(mutex_);
  for (Connection& connection : open_) connection.is_to_close = true;
}

void TlsServer::accept_all() {
  while (!is_over_) {
    if (!is_readable(listener_)) continue;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    ++connections_;
    const timeval limit{5, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const std::lock_guard lock(mutex_);
    Connection& connection = open_.emplace_back();
    connection.fd = fd;
    connection.thread = std::thread([this, &connection] { serve(connection); });
  }
}

void TlsServer::serve(Connection& connection) {
  without_sigpipe();
  const auto is_over = [&] { return is_over_ || connection.is_to_close; };
  if (kind_ == Kind::plain) {
    constexpr std::string_view greeting = "HTTP/1.1 400 Bad Request\r\n\r\n";
    send(connection.fd, greeting.data(), greeting.size(), MSG_NOSIGNAL);
  }
  while (kind_ == Kind::mute && !is_over()) is_readable(listener_);
  if (kind_ == Kind::tls) {
    SSL* ssl = SSL_new(static_cast<SSL_CTX*>(context_));
    SSL_set_fd(ssl, connection.fd);
    if (SSL_accept(ssl) == 1) {
      if (SSL_session_reused(ssl) == 1) ++resumed_;
      const int behind = connect_to(behind_);
      bool is_open = behind >= 0;
      while (is_open && !is_over()) {
        if (SSL_pending(ssl) > 0 || is_readable(connection.fd)) is_open = pass_on(ssl, behind);
        if (is_open && is_readable(behind)) is_open = pass_on(behind, ssl);
      }
      if (behind >= 0) close(behind);
      SSL_shutdown(ssl);
    }
    SSL_free(ssl);
  }
  close(connection.fd);
}

}  // namespace dnscache::test
