#include "resolver/server/network_watch.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace dnscache {

NetworkWatch::NetworkWatch(asio::io_context& io, std::uint32_t groups,
                           std::function<void()> changed)
    : events_(io), changed_(std::move(changed)) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (fd < 0) return;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(fd);
    return;
  }
  events_.assign(fd);
  wait();
}

void NetworkWatch::wait() {
  events_.async_wait(asio::posix::stream_descriptor::wait_read, [this](std::error_code error) {
    if (error) return;
    std::array<char, 8192> buffer;  // what exactly has changed does not matter
    while (::recv(events_.native_handle(), buffer.data(), buffer.size(), 0) > 0) {
    }
    wait();
    changed_();
  });
}

}  // namespace dnscache
