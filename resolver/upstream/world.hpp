// The seam between the miss path and the outside: time, chance, and packets to upstreams.
//
// Everything behind it runs on one thread and by one rule of lifetime: nothing is resumed or
// destroyed from inside a call of its own. A packet or a moment only leaves an event; coroutines
// look at their events at the end of the World::Turn in which these came.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "resolver/base/log_level.hpp"
#include "resolver/cache/entry.hpp"
#include "resolver/config/config.hpp"
#include "resolver/upstream/timers.hpp"
#include "resolver/wire/name.hpp"

namespace dnscache {

class Carrier;

/// A query and the response that it waits for: what a Carrier needs of them.
class Transaction {
 public:
  /// For the carrier: itself while the transaction waits with it, and where in its books.
  Carrier* carrier = nullptr;
  void* carrier_place = nullptr;

  /// The query's bytes; the carrier writes the id it chose into the first two.
  virtual std::span<std::uint8_t> query() = 0;
  /// A packet with this query's id came from the upstream. True when it is the response: the
  /// carrier has then already forgotten the transaction, which may be gone. False when it is not:
  /// keep waiting.
  virtual bool receive(ByteView packet) = 0;
  /// A connection has to be made for this query. False when there is no room for it in the quota.
  virtual bool take_connection() = 0;
  /// The query or its response is lost; the carrier has forgotten the transaction, which is gone
  /// afterwards.
  virtual void fail(std::error_code reason) = 0;

 protected:
  ~Transaction() = default;
};

/// A way to bring queries to one upstream: UDP sockets, a TCP connection or a TLS session.
class Carrier {
 public:
  /// Packets that no transaction waited for: late or forged.
  std::uint64_t strays = 0;

  virtual ~Carrier() = default;
  /// Sends a query. Calls receive() or fail() later, never before it returns; after an error
  /// neither is called.
  virtual std::error_code send(Transaction& transaction) = 0;
  /// Nobody waits any more for this transaction, which waits with this carrier.
  virtual void forget(Transaction& transaction) = 0;
  /// Ends all connections. Operations that still run hold the carrier, and find it closed.
  virtual void close() = 0;
};

/// Everything that the miss path needs from outside, so that tests can bring a world of their own.
class World {
 public:
  virtual ~World() = default;
  virtual TimePoint now() const = 0;
  virtual CacheSeconds cache_now() const = 0;
  virtual std::uint64_t random() = 0;  ///< cryptographically strong
  virtual std::shared_ptr<Carrier> make_carrier(const UpstreamConfig& upstream,
                                                Protocol protocol) = 0;
  /// The address that packets to a server leave from; nothing while no route leads there.
  virtual std::optional<IpAddress> source_address(const Endpoint& server) = 0;
  /// Packets to link-local services are being dropped for exceeding their quota (see ena.hpp).
  virtual bool is_throttled() = 0;
  /// A change that people should hear of, once.
  virtual void log(LogLevel level, const std::string& line) = 0;
  Timers& timers() { return timers_; }

  /// While it lives, packets and moments are dealt with; at the end of the outermost one those run
  /// who were woken.
  class Turn {
   public:
    explicit Turn(World& world) : world_(world) { ++world_.turns_; }
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    World& world_;
  };
  /// Has a coroutine run at the end of this turn, or soon where there is none.
  void wake(std::coroutine_handle<> coroutine);

 protected:
  /// Has a turn taken soon.
  virtual void take_turn_soon() = 0;

 private:
  Timers timers_;
  unsigned turns_ = 0;
  std::vector<std::coroutine_handle<>> woken_;
};

}  // namespace dnscache
