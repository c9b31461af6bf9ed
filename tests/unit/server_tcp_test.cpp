#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "resolver/server/tcp.hpp"
#include "resolver/wire/build.hpp"
#include "tests/support/message.hpp"

namespace dnscache {
namespace {

using test::Bytes;

/// A worker whose event loop the test turns by hand, and a resolver that answers when told.
class Server {
 public:
  Server() {
    auto sockets = open_listener(*Endpoint::parse("127.0.0.1:0", 53), Sharing::none);
    REQUIRE(sockets);
    endpoint = sockets->endpoint;
    std::vector<ListenSockets> listeners;
    listeners.push_back(std::move(*sockets));
    worker.listen(std::move(listeners));
  }

  /// Runs what is ready; never more than a bounded number of handlers.
  std::size_t turn() {
    std::size_t handlers = 0;
    for (unsigned idle = 0; idle < 5 && handlers < 5000;) {
      const std::size_t ran = worker.io().poll_one();
      handlers += ran;
      if (ran != 0) continue;
      ++idle;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return handlers;
  }

  void answer_all() {
    for (ReplyFunction& reply : std::exchange(waiting, {})) {
      Answer answer;
      add_answer(answer, rr_type::a, 60, std::array<std::uint8_t, 4>{198, 51, 100, 1});
      reply(answer);
    }
  }

  Cache cache{1 << 20};
  QueryStats late_stats;
  std::vector<ReplyFunction> waiting;
  Service service{cache,
                  [this](const Question&, std::uint64_t, ReplyFunction reply, ClientId) {
                    waiting.push_back(std::move(reply));
                  },
                  [](const Question&, std::uint64_t) {}, late_stats};
  Worker worker{service};
  Endpoint endpoint;
};

/// A client that sends what the test says.
class Connection {
 public:
  explicit Connection(const Endpoint& endpoint) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_storage address;
    const socklen_t size = endpoint.to_sockaddr(address);
    REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), size) == 0);
  }
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void send(const Bytes& bytes) {
    REQUIRE(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
  }
  void finish_sending() { ::shutdown(fd_, SHUT_WR); }

  /// Messages that arrived so far.
  std::vector<test::Message> replies() {
    Bytes chunk(65536);
    for (ssize_t size; (size = ::recv(fd_, chunk.data(), chunk.size(), MSG_DONTWAIT)) > 0;) {
      bytes_.insert(bytes_.end(), chunk.begin(), chunk.begin() + size);
    }
    std::vector<test::Message> messages;
    for (std::size_t at = 0; at + 2 <= bytes_.size();) {
      const std::size_t size = load16(&bytes_[at]);
      if (at + 2 + size > bytes_.size()) break;
      messages.push_back(test::decode(&bytes_[at + 2], size).value());
      at += 2 + size;
    }
    return messages;
  }
  bool is_closed() {
    replies();
    std::uint8_t byte;
    return ::recv(fd_, &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
  }

 private:
  int fd_;
  Bytes bytes_;
};

Bytes framed(const Bytes& message) {
  test::Writer writer;
  writer.u16(static_cast<std::uint16_t>(message.size()));
  writer.append(message);
  return writer.bytes;
}

Bytes query_for(unsigned number) {
  return framed(test::encode({"host-" + std::to_string(number) + ".example", test::type_a,
                              static_cast<std::uint16_t>(number)}));
}

}  // namespace

TEST_CASE("queries in any pieces are answered in any order, each with its id") {
  Server server;
  Connection client(server.endpoint);
  const Bytes first = query_for(1), second = query_for(2);
  for (const std::uint8_t byte : first) {
    client.send({byte});
    server.turn();
  }
  client.send(second);
  server.turn();
  REQUIRE(server.waiting.size() == 2);
  std::swap(server.waiting[0], server.waiting[1]);
  server.answer_all();
  server.turn();
  const auto replies = client.replies();
  REQUIRE(replies.size() == 2);
  CHECK(replies[0].id == 2);
  CHECK(replies[1].id == 1);
  CHECK_FALSE(client.is_closed());
}

TEST_CASE("what was asked before the client's end of sending is still answered") {
  Server server;
  Connection client(server.endpoint);
  client.send(query_for(1));
  client.finish_sending();
  server.turn();
  CHECK_FALSE(client.is_closed());
  server.answer_all();
  server.turn();
  CHECK(client.replies().size() == 1);
  CHECK(client.is_closed());
}

TEST_CASE("a client with a hundred open questions waits, and the thread does not spin") {
  Server server;
  Connection client(server.endpoint);
  for (unsigned i = 0; i < 150; ++i) client.send(query_for(i));
  CHECK(server.turn() < 2000);
  CHECK(server.waiting.size() == 100);
  CHECK(server.turn() == 0);  // nothing to do until an answer comes
  server.answer_all();
  server.turn();
  server.answer_all();
  server.turn();
  CHECK(client.replies().size() == 150);
}

TEST_CASE("a connection that sends no query is closed") {
  const Bytes garbage =
      GENERATE(framed({}), framed({1, 2, 3}),                // no header
               framed(Bytes(12, 0xff)),                      // a response
               Bytes{0x10, 0x01, 0, 0}, Bytes{0xff, 0xff});  // longer than any query
  Server server;
  Connection client(server.endpoint);
  client.send(garbage);
  server.turn();
  CHECK(client.is_closed());
  CHECK(client.replies().empty());
}

TEST_CASE("a malformed query is answered with FORMERR and the connection goes on") {
  Server server;
  Connection client(server.endpoint);
  client.send(framed({0, 9, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0}));
  client.send(query_for(1));
  server.turn();
  server.answer_all();
  server.turn();
  const auto replies = client.replies();
  REQUIRE(replies.size() == 2);
  CHECK(replies[0].rcode == test::formerr);
  CHECK(replies[0].id == 9);
}

TEST_CASE("a client that went away before its answer does no harm, nor does a listener's end") {
  Server server;
  {
    Connection client(server.endpoint);
    client.send(query_for(1));
    server.turn();
  }
  Connection unaccepted(server.endpoint), another(server.endpoint);
  server.turn();
  server.worker.listen_only_on({});
  server.turn();
  server.answer_all();
  server.turn();
  CHECK(server.worker.endpoints().empty());
}

TEST_CASE("without file descriptors the listener pauses instead of spinning") {
  Server server;
  Connection client(server.endpoint);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit none = before;
  none.rlim_cur = 0;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const std::size_t handlers = server.turn();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(handlers < 10);
  client.send(query_for(1));
  for (unsigned i = 0; i < 100 && server.waiting.empty(); ++i) {
    server.turn();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(server.waiting.size() == 1);
}

TEST_CASE("slow connections do not shut others out: the one idle longest gives way") {
  Server server;
  std::vector<std::unique_ptr<Connection>> slow;
  for (unsigned i = 0; i < 512; ++i) {
    slow.push_back(std::make_unique<Connection>(server.endpoint));
    slow.back()->send({0});
    if (i % 64 == 0) server.turn();
  }
  server.turn();
  Connection honest(server.endpoint);
  honest.send(query_for(1));
  server.turn();
  REQUIRE(server.waiting.size() == 1);
  server.answer_all();
  server.turn();
  CHECK(honest.replies().size() == 1);
  CHECK(slow.front()->is_closed());
  CHECK_FALSE(slow.back()->is_closed());
}

}  // namespace dnscache
