// What one thread has counted; read from other threads at any time.
#pragma once

#include <atomic>
#include <cstdint>

namespace dnscache {

/// A number that one thread raises and every thread may read.
class Counter {
 public:
  void operator++() { value_.store(value() + 1, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Clients' queries by how they came and what became of them.
struct QueryStats {
  Counter udp;
  Counter tcp;
  Counter udp_probes;  ///< of these, for the probe zone: they count as nothing else
  Counter tcp_probes;
  Counter hits;       ///< answered from fresh data in the cache
  Counter misses;     ///< upstreams had to be asked, or somebody was already asking them
  Counter stale;      ///< answered with expired data
  Counter local;      ///< answered without cache or upstream
  Counter blocked;    ///< of these, about a blocked name
  Counter refused;    ///< the client is not in the access list
  Counter limited;    ///< the client's network sends too much: answered with TC
  Counter malformed;  ///< no sensible query: answered with an error or ignored
  Counter servfail;   ///< answered with SERVFAIL
  Counter dropped;    ///< not answered at all: too many waited, or the answer came too late
};

}  // namespace dnscache
