// DNS over TLS (RFC 7858) for tests: certificates made on the spot, and a server that uses them.
#pragma once

#include <atomic>
#include <list>
#include <mutex>
#include <thread>

#include "tests/support/process.hpp"

namespace dnscache::test {

/// A certificate authority of its own with one server certificate, as PEM files.
class TestCertificates {
 public:
  /// The server's certificate is for `name`, and for 127.0.0.1. Throws std::runtime_error when the
  /// openssl program fails or is missing.
  explicit TestCertificates(const std::string& name);

  std::filesystem::path authority() const { return directory_.path() / "ca.pem"; }
  std::filesystem::path certificate() const { return directory_.path() / "server.pem"; }
  std::filesystem::path key() const { return directory_.path() / "server.key"; }

 private:
  TempDir directory_;
};

/// A TLS server on 127.0.0.1 that passes the bytes inside on to a server on TCP, and back.
class TlsServer {
 public:
  enum class Kind {
    tls,    ///< as it should be
    plain,  ///< speaks, but not TLS
    mute,   ///< accepts connections and says nothing
  };

  TlsServer(const Address& behind, const TestCertificates& certificates, Kind kind = Kind::tls);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  const Address& address() const { return address_; }
  int connections() const { return connections_; }
  /// Handshakes that took up an earlier session.
  int resumed() const { return resumed_; }
  /// Ends every connection that is open, in an orderly way.
  void close_connections();

 private:
  struct Connection;
  void accept_all();
  void serve(Connection& connection);

  Address behind_;
  Address address_;
  Kind kind_;
  void* context_;  // SSL_CTX, whose header the tests need not see
  int listener_;
  std::atomic<int> connections_{0};
  std::atomic<int> resumed_{0};
  std::atomic<bool> is_over_{false};
  std::mutex mutex_;
  std::list<Connection> open_;
  std::thread acceptor_;
};

}  // namespace dnscache::test
