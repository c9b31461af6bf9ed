// The seam between the miss path and the outside: time, chance, and packets to upstreams.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <system_error>

#include "resolver/cache/entry.hpp"
#include "resolver/config/config.hpp"
#include "resolver/upstream/timers.hpp"
#include "resolver/wire/name.hpp"

namespace dnscache {

class Carrier;

/// A query on its way: what a Carrier needs to send it and to give back what came.
class Parcel {
 public:
  /// For the carrier: itself while the parcel waits with it, and where in its books.
  Carrier* carrier = nullptr;
  void* carrier_place = nullptr;

  /// The query's bytes; the carrier writes the id it chose into the first two.
  virtual std::span<std::uint8_t> query() = 0;
  /// A packet with this parcel's id came from the upstream. True when it is the response: the
  /// carrier has then already forgotten the parcel. False when it is not: keep waiting.
  virtual bool receive(ByteView packet) = 0;
  /// The query or its response is lost; the carrier has forgotten the parcel.
  virtual void fail(std::error_code reason) = 0;

 protected:
  ~Parcel() = default;
};

/// A way to bring queries to one upstream: UDP sockets, a TCP connection or a TLS session.
class Carrier {
 public:
  virtual ~Carrier() = default;
  /// Sends a query. Calls receive() or fail() later, never before it returns; after an error
  /// neither is called.
  virtual std::error_code send(Parcel& parcel) = 0;
  /// Nobody waits any more for this parcel, which waits with this carrier.
  virtual void forget(Parcel& parcel) = 0;
};

/// Everything that the miss path needs from outside, so that tests can bring a world of their own.
class World {
 public:
  virtual ~World() = default;
  virtual TimePoint now() const = 0;
  virtual CacheSeconds cache_now() const = 0;
  virtual std::uint64_t random() = 0;  ///< cryptographically strong
  virtual std::unique_ptr<Carrier> make_carrier(const UpstreamConfig& upstream,
                                                Protocol protocol) = 0;
  /// Packets to link-local services are being dropped for exceeding their quota (see ena.hpp).
  virtual bool is_throttled() = 0;
  Timers& timers() { return timers_; }

 private:
  Timers timers_;
};

}  // namespace dnscache
