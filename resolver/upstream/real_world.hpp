// The world as it is: asio's clock and timer, the kernel's random numbers, real sockets.
#pragma once

#include <array>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <string>
#include <utility>

#include "resolver/cache/cache.hpp"
#include "resolver/upstream/ena.hpp"
#include "resolver/upstream/world.hpp"

namespace dnscache {

/// The World of a running engine, on one thread's io_context.
class RealWorld final : public World {
 public:
  explicit RealWorld(asio::io_context& io);

  TimePoint now() const override { return Clock::now(); }
  CacheSeconds cache_now() const override { return cache_clock(); }
  std::uint64_t random() override;
  bool is_throttled() override { return throttle_watch_.is_throttled(now()); }
  std::shared_ptr<Carrier> make_carrier(const UpstreamConfig& upstream, Protocol protocol) override;
  std::optional<IpAddress> source_address(const Endpoint& server) override;
  void log(LogLevel level, const std::string& line) override;
  /// Calls this after each line of the log.
  void on_log(std::function<void()> logged) { logged_ = std::move(logged); }

 private:
  void take_turn_soon() override;
  void wake_at(TimePoint when);

  asio::io_context& io_;
  std::function<void()> logged_;
  ThrottleWatch throttle_watch_;
  asio::steady_timer wake_up_;
  TimePoint wake_up_at_ = TimePoint::max();
  std::array<std::uint64_t, 64> random_{};
  std::size_t random_left_ = 0;
};

}  // namespace dnscache
