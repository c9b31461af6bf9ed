#include <catch2/catch.hpp>
#include <deque>

#include "resolver/server/tcp_clients.hpp"

namespace dnscache {
namespace {

using namespace std::chrono_literals;

/// A connection of which only its limits are seen.
struct Client final : TcpClient {
  Client(TcpClients& all, ClientId from, std::optional<TimePoint> since)
      : TcpClient(from), clients(all), idle(since) {
    clients.add(*this);
  }
  std::optional<TimePoint> idle_since() const override { return idle; }
  std::size_t unsent() const override { return waiting; }
  void close() override {
    clients.remove(*this);
    clients.unsent_changed(-static_cast<std::ptrdiff_t>(waiting));
    is_closed = true;
  }
  void owe(std::size_t bytes) {
    waiting += bytes;
    clients.unsent_changed(static_cast<std::ptrdiff_t>(bytes));
  }

  TcpClients& clients;
  std::optional<TimePoint> idle;
  std::size_t waiting = 0;
  bool is_closed = false;
};

constexpr ClientId first_client = 3;
constexpr ClientId second_client = 5;
const TimePoint start = TimePoint{} + 1h;

}  // namespace

TEST_CASE("when there are too many connections, the one idle longest gives way") {
  std::atomic<std::int64_t> total{0};
  TcpClients clients({3, 3, 1000}, total);
  std::deque<Client> all;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(clients.make_room(this_machine));
    all.emplace_back(clients, this_machine, start + i * 1s);
  }
  all[0].idle.reset();  // it waits for an answer
  REQUIRE(clients.make_room(this_machine));
  CHECK_FALSE(all[0].is_closed);
  CHECK(all[1].is_closed);
  CHECK_FALSE(all[2].is_closed);
  all.emplace_back(clients, this_machine, std::nullopt);
  all[2].idle.reset();
  CHECK_FALSE(clients.make_room(this_machine));
}

TEST_CASE("an address has so many connections at most, this machine as many as there are") {
  std::atomic<std::int64_t> total{0};
  TcpClients clients({10, 2, 1000}, total);
  std::deque<Client> all;
  for (int i = 0; i < 2; ++i) all.emplace_back(clients, first_client, start + i * 1s);
  CHECK(clients.make_room(second_client));
  CHECK_FALSE(all[0].is_closed);
  CHECK(clients.make_room(first_client));
  CHECK(all[0].is_closed);
  all[1].idle.reset();
  all.emplace_back(clients, first_client, std::nullopt);
  CHECK_FALSE(clients.make_room(first_client));
  for (int i = 0; i < 5; ++i) all.emplace_back(clients, this_machine, std::nullopt);
  CHECK(clients.make_room(this_machine));
}

TEST_CASE("when too many bytes are unread, whoever leaves most unread is closed") {
  std::atomic<std::int64_t> total{0};
  TcpClients clients({10, 10, 1000}, total);
  std::deque<Client> all;
  for (int i = 0; i < 3; ++i) all.emplace_back(clients, first_client, std::nullopt);
  all[0].owe(300);
  all[1].owe(600);
  CHECK(total == 900);
  all[2].owe(200);
  CHECK(all[1].is_closed);
  CHECK_FALSE(all[0].is_closed);
  CHECK_FALSE(all[2].is_closed);
  CHECK(total == 500);
}

}  // namespace dnscache
