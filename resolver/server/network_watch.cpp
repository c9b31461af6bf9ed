#include "resolver/server/network_watch.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>

#include "resolver/base/file_descriptor.hpp"

namespace dnscache {

NetworkWatch::NetworkWatch(asio::io_context& io, std::uint32_t groups,
                           std::function<void()> changed)
    : events_(io), changed_(std::move(changed)) {
  constexpr int type = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK;
  FileDescriptor socket(::socket(AF_NETLINK, type, NETLINK_ROUTE));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  const auto* any = reinterpret_cast<const sockaddr*>(&address);
  if (!socket || ::bind(socket.get(), any, sizeof address) != 0) return;
  events_.assign(socket.release());
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
