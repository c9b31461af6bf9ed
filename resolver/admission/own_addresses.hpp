// The addresses of this machine.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "resolver/base/endpoint.hpp"
#include "resolver/base/error.hpp"

namespace dnscache {

/// The addresses of all interfaces that are up. Read without netlink, which getifaddrs(3) wants and
/// the service's sandbox has not: by SIOCGIFCONF (netdevice(7)) and /proc/self/net/if_inet6.
Result<std::vector<IpAddress>> own_addresses();

/// The same, kept up to date: they come and go. Safe to use from any thread.
class OwnAddresses {
 public:
  using Read = std::function<Result<std::vector<IpAddress>>()>;
  explicit OwnAddresses(Read read = own_addresses) : read_(std::move(read)) {}

  /// `now` in milliseconds. Reads again when what it knows is a second old; for an address that it
  /// does not know, a tenth of one.
  bool has(const IpAddress& address, std::uint64_t now);

 private:
  Read read_;
  std::mutex mutex_;
  std::vector<Network> known_;
  std::uint64_t read_at_ = 0;
};

}  // namespace dnscache
