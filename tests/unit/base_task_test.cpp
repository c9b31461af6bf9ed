#include <array>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <catch2/catch.hpp>
#include <memory>

#include "resolver/base/task.hpp"

namespace dnscache {
namespace {

/// Counts how often objects are made and destroyed.
struct Tracked {
  static inline int alive = 0;
  Tracked() { ++alive; }
  Tracked(const Tracked&) { ++alive; }
  Tracked(Tracked&&) noexcept { ++alive; }
  ~Tracked() { --alive; }
};

/// What travels through coroutines has a constructor: g++ 12.2 destroys an aggregate that is made
/// within a co_await expression twice.
struct Parameters {
  explicit Parameters(Tracked t) : tracked(std::move(t)) {}
  Tracked tracked;
};

asio::awaitable<int> use(Parameters) {
  co_await asio::post(asio::use_awaitable);
  co_return 1;
}

asio::awaitable<void> by_the_rule(int& result) {
  Parameters parameters{Tracked{}};
  result += co_await use(std::move(parameters));  // named on the line above and moved in
  result += co_await use(Parameters(Tracked()));  // or made by a constructor
}

Task store(int& result, std::shared_ptr<int> kept) {
  result = *kept;
  co_return;
}

}  // namespace

// g++ 12 coroutine rule 1: no aggregate, capturing lambda, conditional or braced init is made in a
// statement that contains co_await. Under AddressSanitizer this test would tell of a double free.
TEST_CASE("what travels through a co_await by the rule is destroyed once") {
  asio::io_context io;
  int result = 0;
  asio::co_spawn(io, by_the_rule(result), asio::detached);
  io.run();
  CHECK(result == 2);
  CHECK(Tracked::alive == 0);
}

TEST_CASE("a task runs at once and takes its parameters with it at its end") {
  int result = 0;
  const auto kept = std::make_shared<int>(42);
  store(result, kept);
  CHECK(result == 42);
  CHECK(kept.use_count() == 1);
}

}  // namespace dnscache
