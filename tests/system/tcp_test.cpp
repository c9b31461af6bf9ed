// TCP as RFC 7766 wants it, and clients that misuse it.
#include <fstream>
#include <map>
#include <sstream>

#include "tests/system/fixture.hpp"

using namespace dnscache::test;

namespace {

Query numbered(const std::string& name, std::uint16_t id, std::uint16_t type = type_a) {
  Query out = query(name, type);
  out.id = id;
  return out;
}

/// Kilobytes of memory in use.
long resident_kilobytes(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
  }
  return 0;
}

}  // namespace

TEST_CASE("several queries on one connection are all answered") {
  Cache cache;
  TcpClient client(cache.engine.address());
  for (std::uint16_t i = 1; i <= 50; ++i) {
    client.send(numbered("name" + std::to_string(i % 10) + ".example", i));
  }
  std::map<int, std::string> answers;
  for (int i = 0; i < 50; ++i) {
    const auto reply = client.receive_message();
    REQUIRE(reply);
    answers[reply->id] = reply->texts(type_a).at(0);
  }
  CHECK(answers.size() == 50);
  for (const auto& [id, address] : answers) {
    CHECK(address == address_of("name" + std::to_string(id % 10) + ".example"));
  }
  CHECK(cache.upstream.names().size() == 10);
  CHECK(cache.upstream.count() < 40);
}

TEST_CASE("a fast answer overtakes a slow one on the same connection") {
  Cache cache;
  cache.upstream.set("slow.example", "delay 700");
  TcpClient client(cache.engine.address());
  client.send(numbered("slow.example", 1));
  client.send(numbered("fast.example", 2));
  CHECK(client.receive_message().value().id == 2);
  CHECK(client.receive_message().value().id == 1);
}

TEST_CASE("a query may come in single bytes") {
  Cache cache;
  TcpClient client(cache.engine.address());
  for (const auto byte : TcpClient::framed(encode(numbered("www.example.com", 9)))) {
    client.send_raw({byte});
    sleep_for(milliseconds(2));
  }
  CHECK(is_true_answer(client.receive_message(), "www.example.com"));
}

TEST_CASE("two queries in one segment, the second cut in half") {
  Cache cache;
  TcpClient client(cache.engine.address());
  Bytes bytes = TcpClient::framed(encode(numbered("a.example", 1)));
  const Bytes second = TcpClient::framed(encode(numbered("b.example", 2)));
  bytes.insert(bytes.end(), second.begin(), second.begin() + 1);  // half of the length prefix
  client.send_raw(bytes);
  CHECK(is_true_answer(client.receive_message(), "a.example"));
  client.send_raw(Bytes(second.begin() + 1, second.end()));
  CHECK(is_true_answer(client.receive_message(), "b.example"));
}

TEST_CASE("a client that has finished sending still gets its answers") {
  Cache cache;
  cache.upstream.set("delay 200");
  TcpClient client(cache.engine.address());
  client.send(numbered("a.example", 1));
  client.send(numbered("b.example", 2));
  client.finish_sending();
  CHECK(client.receive_message());
  CHECK(client.receive_message());
  CHECK(client.is_closed_within(patience));
}

TEST_CASE("malformed messages over TCP do not disturb others") {
  Cache cache;
  TcpClient healthy(cache.engine.address());
  healthy.send(numbered("a.example", 1));
  CHECK(healthy.receive_message());
  for (const Bytes& bytes : {Bytes{0, 0}, Bytes{0, 1, 7}, Bytes{0, 5, 1, 2, 3, 4, 5},
                             Bytes(300, 0xff), TcpClient::framed(Bytes(12, 0))}) {
    TcpClient client(cache.engine.address());
    client.send_raw(bytes);
    client.receive(milliseconds(50));
  }
  healthy.send(numbered("b.example", 2));
  CHECK(is_true_answer(healthy.receive_message(), "b.example"));
}

TEST_CASE("errors are told over TCP as over UDP") {
  Cache cache;
  Query notify = numbered("www.example.com", 1);
  notify.flags = 4 << 11;
  CHECK(cache.ask_tcp(notify)->rcode == notimp);
  Query version = query_with_edns("www.example.com");
  version.edns->version = 3;
  CHECK(cache.ask_tcp(version)->rcode == badvers);
}

TEST_CASE("the largest answers pass over TCP") {
  Cache cache;
  cache.upstream.set("text=60000");
  const auto reply = cache.ask_tcp(query("text.example", type_txt));
  REQUIRE(reply);
  CHECK(reply->answers.at(0).text.size() == 60000);
}

TEST_CASE("an idle connection is closed in the end") {
  Cache cache;
  TcpClient silent(cache.engine.address());
  TcpClient half(cache.engine.address());
  half.send_raw({0, 40, 1});
  CHECK(silent.is_closed_within(milliseconds(60000)));
  CHECK(half.is_closed_within(milliseconds(60000)));
}

TEST_CASE("idle connections do not keep others out") {
  Cache cache;
  std::vector<std::unique_ptr<TcpClient>> idle;
  for (int i = 0; i < 300; ++i) {
    idle.push_back(std::make_unique<TcpClient>(cache.engine.address()));
    idle.back()->send_raw({0});
  }
  CHECK(is_true_answer(cache.ask_tcp(query("www.example.com")), "www.example.com"));
  CHECK(is_true_answer(cache.ask("www.example.com"), "www.example.com"));
}

TEST_CASE("a client that does not read cannot hold memory or others") {
  Cache cache;
  cache.upstream.set("text=60000");
  REQUIRE(cache.ask_tcp(query("text.example", type_txt)));
  const long before = resident_kilobytes(cache.engine.process().pid());
  std::vector<std::unique_ptr<TcpClient>> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(std::make_unique<TcpClient>(cache.engine.address()));
    for (std::uint16_t id = 1; id <= 500; ++id) {  // 30 MB of answers each
      try {
        clients.back()->send(numbered("text.example", id, type_txt));
      } catch (const std::system_error&) {
        break;  // closed: that is a way to defend oneself
      }
    }
  }
  CHECK(is_true_answer(cache.ask_tcp(query("www.example.com")), "www.example.com"));
  const long grown = resident_kilobytes(cache.engine.process().pid()) - before;
  INFO("grown by " << grown << " kB");
  CHECK(grown < 60 * 1024);
}
