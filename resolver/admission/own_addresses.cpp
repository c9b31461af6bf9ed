#include "resolver/admission/own_addresses.hpp"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

#include "resolver/base/file_descriptor.hpp"

namespace dnscache {
namespace {

constexpr std::size_t max_interfaces = 1024;  // with IPv4 addresses
constexpr std::uint64_t max_age_ms = 1000;
constexpr std::uint64_t max_age_of_absence_ms = 100;

Result<void> add_v4(std::vector<IpAddress>& addresses) {
  const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return system_error("cannot open a socket", errno);
  std::vector<ifreq> interfaces(max_interfaces);
  ifconf request{};
  request.ifc_len = static_cast<int>(interfaces.size() * sizeof(ifreq));
  request.ifc_req = interfaces.data();
  if (::ioctl(socket.get(), SIOCGIFCONF, &request) != 0) {
    return system_error("cannot list the interfaces", errno);
  }
  interfaces.resize(static_cast<std::size_t>(request.ifc_len) / sizeof(ifreq));
  for (const ifreq& interface : interfaces) {
    sockaddr_storage storage{};
    std::memcpy(&storage, &interface.ifr_addr, sizeof interface.ifr_addr);
    if (const auto endpoint = Endpoint::from_sockaddr(storage)) {
      addresses.push_back(endpoint->address);
    }
  }
  return {};
}

// Lines such as "00000000000000000000000000000001 01 80 10 80 lo"; none without IPv6.
void add_v6(std::vector<IpAddress>& addresses) {
  std::ifstream file("/proc/self/net/if_inet6");
  for (std::string line; std::getline(file, line);) {
    const auto blank = line.find(' ');
    if (blank != 32) continue;
    std::string text;
    for (std::size_t at = 0; at < blank; at += 4) {
      text += (at == 0 ? "" : ":") + line.substr(at, 4);
    }
    if (const auto address = IpAddress::parse(text)) addresses.push_back(*address);
  }
}

}  // namespace

Result<std::vector<IpAddress>> own_addresses() {
  std::vector<IpAddress> addresses;
  if (const auto v4 = add_v4(addresses); !v4) return v4.error();
  add_v6(addresses);
  return addresses;
}

bool OwnAddresses::has(const IpAddress& address, std::uint64_t now) {
  const std::lock_guard lock(mutex_);
  const bool is_known = is_in(known_, address);
  if (now - read_at_ < (is_known ? max_age_ms : max_age_of_absence_ms)) return is_known;
  read_at_ = now;
  known_.clear();
  if (const auto addresses = read_()) {
    for (const IpAddress& own : *addresses) {
      known_.push_back({own, static_cast<std::uint8_t>(own.size() * 8)});
    }
  }
  return is_in(known_, address);
}

}  // namespace dnscache
