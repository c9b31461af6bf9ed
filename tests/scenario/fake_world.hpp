// A world without sockets and without waiting, for scenarios.
#pragma once

#include <deque>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "resolver/upstream/world.hpp"

namespace dnscache::test {

/// A query that the engine has sent to an upstream and that was not answered yet.
struct SentQuery {
  std::string upstream;  ///< address without the port
  Protocol protocol;
  Transaction* transaction;
  bool is_expected = false;  ///< an EXPECT_OUT line has named it
};

/// Time stands still until a scenario moves it; packets go nowhere until a scenario answers them.
class FakeWorld final : public World {
 public:
  TimePoint now() const override { return now_; }
  CacheSeconds cache_now() const override {
    return static_cast<CacheSeconds>(now_.time_since_epoch() / std::chrono::seconds(1));
  }
  std::uint64_t random() override { return random_(); }
  std::shared_ptr<Carrier> make_carrier(const UpstreamConfig& upstream, Protocol protocol) override;

  std::optional<IpAddress> source_address(const Endpoint&) override { return source_address_; }
  void set_source_address(const IpAddress& address) { source_address_ = address; }

  /// Moves the clock, with everything that happens on the way at its own time.
  void pass(Duration duration);

  void log(LogLevel, const std::string& line) override { log_.push_back(line); }
  /// What was logged and not looked at yet.
  std::deque<std::string>& log_lines() { return log_; }

  bool is_throttled() override { return is_throttled_; }
  void set_throttled(bool throttled) { is_throttled_ = throttled; }

  std::deque<SentQuery>& sent() { return sent_; }
  void set_unreachable(const std::string& upstream) { unreachable_.push_back(upstream); }
  /// The socket's buffer is full, or no longer.
  void set_busy(const std::string& upstream, bool is_busy) {
    std::erase(busy_, upstream);
    if (is_busy) busy_.push_back(upstream);
  }

 private:
  class FakeCarrier;
  void take_turn_soon() override {}  // everything happens within turns

  TimePoint now_{std::chrono::hours(1000)};
  std::mt19937_64 random_{20261123};
  std::deque<SentQuery> sent_;
  std::deque<std::string> log_;
  IpAddress source_address_ = IpAddress::v4(192, 0, 2, 100);
  bool is_throttled_ = false;
  std::vector<std::string> unreachable_;
  std::vector<std::string> busy_;
};

}  // namespace dnscache::test
