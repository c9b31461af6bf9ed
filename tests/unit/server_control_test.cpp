// How lines travel over the control socket, and who may hold how many connections to it.
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "resolver/server/control.hpp"
#include "tests/support/process.hpp"

namespace dnscache {
namespace {

/// A control socket on a thread of its own. It answers `big` with lines without end, anything else
/// with the number of bytes and how much the peer may.
class Service {
 public:
  Service() {
    std::filesystem::permissions(directory_.path(), std::filesystem::perms(0755));
    auto socket =
        ControlSocket::open(io_, path(), [this](const std::string& line, const ControlPeer& peer) {
          if (line == "big") {
            return ControlReply([this](std::string& out) {
              ++parts;
              out = std::string(65535, 'x') + '\n';
              return true;
            });
          }
          const char* rights = peer.is_root ? " root" : peer.may_change ? " own" : " other";
          return one_line(std::to_string(line.size()) + rights);
        });
    REQUIRE(socket);
    socket_ = std::move(*socket);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Service() {
    io_.stop();
    thread_.join();
  }
  std::filesystem::path path() const { return directory_.path() / "control.sock"; }

  std::atomic<unsigned> parts = 0;  ///< of replies to `big`

 private:
  test::TempDir directory_;
  asio::io_context io_;
  std::unique_ptr<ControlSocket> socket_;
  std::thread thread_;
};

/// A client that reads line by line.
class Client {
 public:
  explicit Client(const Service& service) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    service.path().string().copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // The next line; "closed" when the connection ends first.
  std::string line() {
    for (;;) {
      if (const auto end = received_.find('\n'); end != received_.npos) {
        const std::string found = received_.substr(0, end);
        received_.erase(0, end + 1);
        return found;
      }
      pollfd entry{fd_, POLLIN, 0};
      if (::poll(&entry, 1, static_cast<int>(test::patience.count())) != 1) return "nothing";
      char buffer[4096];
      const ssize_t size = ::recv(fd_, buffer, sizeof buffer, 0);
      if (size <= 0) return "closed";
      received_.append(buffer, static_cast<std::size_t>(size));
    }
  }

  std::string ask(const std::string& text) {
    send(text + '\n');
    return line();
  }

 private:
  int fd_;
  std::string received_;
};

std::string own_rights() { return ::geteuid() == 0 ? " root" : " own"; }

}  // namespace

TEST_CASE("a command may come in pieces, and many in one") {
  Service service;
  Client client(service);
  for (const char c : std::string("abc")) CHECK(client.send({&c, 1}));
  std::string many = "\n";
  for (int i = 0; i < 200; ++i) many += std::string(static_cast<std::size_t>(i), 'x') + '\n';
  CHECK(client.send(many));
  CHECK(client.line() == "3" + own_rights());
  for (int i = 0; i < 200; ++i) REQUIRE(client.line() == std::to_string(i) + own_rights());
}

TEST_CASE("bytes that are no text reach the handler as they are") {
  Service service;
  Client client(service);
  std::string garbage;
  for (int i = 0; i < 256; ++i) {
    if (i != '\n') garbage += static_cast<char>(i);
  }
  CHECK(client.ask(garbage) == "255" + own_rights());
  CHECK(client.ask("") == "0" + own_rights());
  CHECK(client.ask("x") == "1" + own_rights());
}

TEST_CASE("a line without an end is told so and cut off, others are served meanwhile") {
  Service service;
  Client client(service), other(service);
  CHECK(other.ask(std::string(200 << 10, 'x')) == std::to_string(200 << 10) + own_rights());
  client.send(std::string(1 << 20, 'x'));
  CHECK(client.line() == R"({"ok":false,"error":"a command is longer than 256 KiB"})");
  CHECK(client.line() == "closed");
  CHECK(other.ask("x") == "1" + own_rights());
}

TEST_CASE("a client that asks and goes, with half a line left, disturbs nobody") {
  Service service;
  for (int i = 0; i < 100; ++i) {
    Client client(service);
    client.send("status\nhalf");
  }
  CHECK(Client(service).ask("x") == "1" + own_rights());
}

TEST_CASE("who does not read an endless reply holds up neither memory nor others") {
  Service service;
  Client slow(service), other(service);
  slow.send("big\n");
  CHECK(test::eventually([&] { return service.parts > 0; }));
  for (int i = 0; i < 1000; ++i) REQUIRE(other.ask("x") == "1" + own_rights());
  CHECK(service.parts < 100);  // a part is made when the one before it was taken
  CHECK(slow.line().size() == 65535);
}

TEST_CASE("one user cannot take all connections to the control socket") {
  if (::geteuid() != 0) {
    WARN("SKIPPED: needs root");
    return;
  }
  Service service;
  std::vector<std::string> replies;
  std::thread as_nobody([&] {
    constexpr uid_t nobody = 65534;
    // The system call itself changes this thread alone, which glibc's function does not.
    if (::syscall(SYS_setresuid, nobody, nobody, nobody) != 0) return;
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 9; ++i) {
      clients.push_back(std::make_unique<Client>(service));
      replies.push_back(clients.back()->ask("x"));
    }
    clients.front().reset();
    test::eventually([&] {
      replies.resize(9);
      replies.push_back(Client(service).ask("x"));
      return replies[9] == "1 other";
    });
  });
  as_nobody.join();
  REQUIRE(replies.size() == 10);
  for (int i = 0; i < 8; ++i) CHECK(replies[i] == "1 other");
  CHECK(replies[8] ==
        R"({"ok":false,"error":"too many connections to the control socket; try again later"})");
  CHECK(replies[9] == "1 other");
}

TEST_CASE("root gets in however many connections there are") {
  if (::geteuid() != 0) {
    WARN("SKIPPED: needs root");
    return;
  }
  Service service;
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(std::make_unique<Client>(service));
    REQUIRE(clients.back()->ask("x") == "1 root");
  }
}

}  // namespace dnscache
