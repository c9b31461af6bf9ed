// Source ports of queries over UDP, towards a real server on loopback, by a clock of our own.
#include <asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <deque>
#include <random>
#include <set>

#include "resolver/upstream/carriers/udp.hpp"
#include "tests/support/message.hpp"
#include "tests/support/upstream.hpp"

namespace dnscache {
namespace {

using namespace std::chrono_literals;

class StillWorld final : public World {
 public:
  TimePoint time{1h};

  TimePoint now() const override { return time; }
  CacheSeconds cache_now() const override { return 0; }
  std::uint64_t random() override { return random_(); }
  std::shared_ptr<Carrier> make_carrier(const UpstreamConfig&, Protocol) override { return {}; }
  std::optional<IpAddress> source_address(const Endpoint&) override { return {}; }
  bool is_throttled() override { return false; }
  void log(LogLevel, const std::string&) override {}

 private:
  void take_turn_soon() override {}
  std::mt19937_64 random_{1};
};

class OneQuery final : public Transaction {
 public:
  explicit OneQuery(std::size_t number)
      : bytes_(test::encode({.name = "name" + std::to_string(number) + ".example"})) {}
  std::span<std::uint8_t> query() override { return bytes_; }
  bool receive(ByteView) override { return is_answered = true; }
  bool take_connection() override { return true; }
  void fail(std::error_code) override { FAIL("the query failed"); }

  bool is_answered = false;

 private:
  std::vector<std::uint8_t> bytes_;
};

struct Udp {
  ~Udp() { carrier->close(); }

  // Sends queries, a hundred of them at a time; the number of source ports that the server saw.
  std::size_t ports_of(std::size_t count) {
    server.reset_counts();
    std::deque<OneQuery> queries;
    const auto is_answered = [](const OneQuery& query) { return query.is_answered; };
    while (queries.size() < count) {
      for (int i = 0; i < 100; ++i) {
        REQUIRE_FALSE(carrier->send(queries.emplace_back(queries.size())));
      }
      while (!std::ranges::all_of(queries.end() - 100, queries.end(), is_answered)) {
        REQUIRE(io.run_one_for(30s) > 0);
      }
    }
    std::set<std::uint16_t> ports;
    for (const auto& seen : server.seen()) ports.insert(seen.source_port);
    return ports.size();
  }

  test::TestUpstream server;
  asio::io_context io;
  StillWorld world;
  UpstreamConfig config{Endpoint{IpAddress::v4(127, 0, 0, 1), server.port()}};
  std::shared_ptr<Carrier> carrier = make_udp_carrier(io, world, config);
};

}  // namespace

TEST_CASE("a query over UDP has a source port of its own") {
  Udp udp;
  // Of 28,000 ports that the kernel picks from, a few come twice.
  CHECK(udp.ports_of(1000) > 950);
}

TEST_CASE("under load that lasts, queries leave from one of many source ports") {
  Udp udp;
  udp.ports_of(4000);
  const std::size_t shared = udp.ports_of(2000);
  CHECK(shared >= 200);
  CHECK(shared <= 1024);

  udp.world.time += 1s;
  CHECK(udp.ports_of(1000) > 950);
}

}  // namespace dnscache
