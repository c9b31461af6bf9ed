#include "tests/support/netns.hpp"

#include <arpa/inet.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <system_error>
#include <thread>

namespace dnscache::test {
namespace {

[[noreturn]] void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// A socket for interface requests.
class InterfaceSocket {
 public:
  explicit InterfaceSocket(int family) : fd_(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    if (fd_ < 0) throw_errno("socket");
  }
  ~InterfaceSocket() { close(fd_); }
  InterfaceSocket(const InterfaceSocket&) = delete;
  InterfaceSocket& operator=(const InterfaceSocket&) = delete;

  void request(unsigned long code, void* argument, const std::string& what) const {
    if (ioctl(fd_, code, argument) != 0) throw_errno(what);
  }

 private:
  int fd_;
};

void bring_lo_up() {
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  InterfaceSocket(AF_INET).request(SIOCSIFFLAGS, &request, "lo up");
}

void add_v4(const in_addr& address, std::size_t number) {
  ifreq request{};
  const std::string label = "lo:" + std::to_string(number);
  std::memcpy(request.ifr_name, label.c_str(), label.size());
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr = address;
  std::memcpy(&request.ifr_addr, &in, sizeof in);
  const InterfaceSocket interface(AF_INET);
  interface.request(SIOCSIFADDR, &request, "add address to " + label);
  in.sin_addr.s_addr = 0xffffffff;
  std::memcpy(&request.ifr_netmask, &in, sizeof in);
  interface.request(SIOCSIFNETMASK, &request, "netmask of " + label);
}

/// The kernel makes a new IPv6 address usable a moment after the request.
void wait_until_usable(const in6_addr& address) {
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_addr = address;
  const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  for (int attempt = 0; attempt < 400; ++attempt) {
    if (bind(fd, reinterpret_cast<const sockaddr*>(&in6), sizeof in6) == 0) break;
    usleep(5000);
  }
  close(fd);
}

void add_v6(const in6_addr& address) {
  in6_ifreq request{};
  request.ifr6_addr = address;
  request.ifr6_prefixlen = 128;
  request.ifr6_ifindex = static_cast<int>(if_nametoindex("lo"));
  InterfaceSocket(AF_INET6).request(SIOCSIFADDR, &request, "add IPv6 address to lo");
  wait_until_usable(address);
}

void add_address(const std::string& text, std::size_t number) {
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    add_v4(v4, number);
  } else if (inet_pton(AF_INET6, text.c_str(), &v6) == 1) {
    add_v6(v6);
  } else {
    throw std::invalid_argument("not an address: " + text);
  }
}

void enter() {
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) throw_errno("unshare");
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) throw_errno("private mounts");
}

}  // namespace

bool namespaces_permitted() {
  bool permitted = false;
  std::thread([&] {
    try {
      enter();
      bring_lo_up();
      permitted = true;
    } catch (const std::system_error&) {
      permitted = false;
    }
  }).join();
  return permitted;
}

void in_namespace(const std::vector<std::string>& addresses,
                  const std::function<void()>& function) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      enter();
      bring_lo_up();
      for (std::size_t i = 0; i < addresses.size(); ++i) add_address(addresses[i], i);
      function();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

void bind_mount(const std::filesystem::path& file, const std::filesystem::path& target) {
  if (mount(file.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    throw_errno("mount " + file.string() + " over " + target.string());
  }
}

}  // namespace dnscache::test
