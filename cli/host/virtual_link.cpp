#include "cli/host/virtual_link.hpp"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <thread>

#include "resolver/base/file_descriptor.hpp"

namespace dnscache::cli {

namespace {

constexpr std::array kinds = {"dummy", "ifb", "bridge"};
// 127.0.0.2/32 routes nothing anew. resolved uses a link only if it has an address of scope site or
// global.
constexpr std::array<unsigned char, 4> address = {127, 0, 0, 2};

/// One message of rtnetlink(7) that grows attribute by attribute.
class Message {
 public:
  template <class Body>
  Message(std::uint16_t type, std::uint16_t flags, const Body& body) {
    header().nlmsg_type = type;
    header().nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    header().nlmsg_len = NLMSG_LENGTH(sizeof body);
    std::memcpy(bytes_.data() + NLMSG_HDRLEN, &body, sizeof body);
  }

  void add(unsigned short type, const void* data, std::size_t size) {
    auto* attribute = reinterpret_cast<rtattr*>(bytes_.data() + end());
    attribute->rta_type = type;
    attribute->rta_len = static_cast<unsigned short>(RTA_LENGTH(size));
    if (size > 0) std::memcpy(RTA_DATA(attribute), data, size);
    header().nlmsg_len = static_cast<std::uint32_t>(end() + RTA_ALIGN(RTA_LENGTH(size)));
  }
  void add(unsigned short type, const std::string& text) { add(type, text.c_str(), text.size()); }
  /// What is added until close_nested() belongs into this attribute.
  std::size_t open_nested(unsigned short type) {
    const auto at = end();
    add(type, nullptr, 0);
    return at;
  }
  void close_nested(std::size_t at) {
    reinterpret_cast<rtattr*>(bytes_.data() + at)->rta_len =
        static_cast<unsigned short>(end() - at);
  }

  /// 0 or the errno that the kernel answers.
  int send(int fd) {
    if (::send(fd, bytes_.data(), header().nlmsg_len, 0) < 0) return errno;
    alignas(nlmsghdr) std::array<char, 4096> reply{};
    const auto size = ::recv(fd, reply.data(), reply.size(), 0);
    if (size < 0) return errno;
    const auto* answer = reinterpret_cast<const nlmsghdr*>(reply.data());
    if (!NLMSG_OK(answer, static_cast<std::size_t>(size)) || answer->nlmsg_type != NLMSG_ERROR) {
      return EPROTO;
    }
    return -static_cast<const nlmsgerr*>(NLMSG_DATA(answer))->error;
  }

 private:
  nlmsghdr& header() { return *reinterpret_cast<nlmsghdr*>(bytes_.data()); }
  std::size_t end() { return NLMSG_ALIGN(header().nlmsg_len); }

  alignas(nlmsghdr) std::array<char, 512> bytes_{};
};

FileDescriptor open_rtnetlink() {
  return FileDescriptor(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
}

int add_link(int fd, const std::string& name, const char* kind) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  message.add(IFLA_IFNAME, name.c_str(), name.size() + 1);
  const auto nested = message.open_nested(IFLA_LINKINFO);
  message.add(IFLA_INFO_KIND, kind);
  message.close_nested(nested);
  return message.send(fd);
}

int delete_link(int fd, unsigned index) {
  ifinfomsg body{};
  body.ifi_index = static_cast<int>(index);
  return Message(RTM_DELLINK, 0, body).send(fd);
}

int add_address(int fd, unsigned index) {
  ifaddrmsg body{};
  body.ifa_family = AF_INET;
  body.ifa_prefixlen = 32;
  body.ifa_scope = RT_SCOPE_SITE;
  body.ifa_index = index;
  Message message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, body);
  message.add(IFA_LOCAL, address.data(), address.size());
  message.add(IFA_ADDRESS, address.data(), address.size());
  return message.send(fd);
}

int bring_up(int fd, unsigned index) {
  ifinfomsg body{};
  body.ifi_index = static_cast<int>(index);
  body.ifi_flags = IFF_UP;
  body.ifi_change = IFF_UP;
  return Message(RTM_NEWLINK, 0, body).send(fd);
}

// A bridge without ports has no carrier in some kernels, and resolved leaves such a link out.
bool is_running(const std::string& name) {
  const FileDescriptor fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (!fd || ::ioctl(fd.get(), SIOCGIFFLAGS, &request) != 0) return false;
  return (request.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
}

int configure(int fd, const std::string& name, unsigned index) {
  if (const int error = bring_up(fd, index); error != 0) return error;
  if (const int error = add_address(fd, index); error != 0) return error;
  return is_running(name) ? 0 : ENOTCONN;
}

}  // namespace

Result<int> make_virtual_link(const std::string& name) {
  const auto fd = open_rtnetlink();
  if (!fd) return system_error("cannot open a netlink socket", errno);
  int error = 0;
  for (const auto* kind : kinds) {
    auto index = ::if_nametoindex(name.c_str());
    if (index == 0) {
      error = add_link(fd.get(), name, kind);
      if (error == EPERM) break;
      index = ::if_nametoindex(name.c_str());
      if (index == 0) continue;
    }
    error = configure(fd.get(), name, index);
    if (error == 0) return static_cast<int>(index);
    (void)delete_link(fd.get(), index);
  }
  return system_error(fmt::format("cannot make the network interface {}", name), error);
}

Result<void> remove_virtual_link(const std::string& name) {
  const auto index = ::if_nametoindex(name.c_str());
  if (index == 0) return {};
  const auto fd = open_rtnetlink();
  if (!fd) return system_error("cannot open a netlink socket", errno);
  const int error = delete_link(fd.get(), index);
  if (error == 0 || error == ENODEV) return {};
  return system_error(fmt::format("cannot delete the network interface {}", name), error);
}

bool can_make_virtual_link() {
  bool can = true;
  // unshare(2) of a network namespace concerns the calling thread alone.
  std::thread([&can] {
    if (::unshare(CLONE_NEWNET) != 0) return;
    can = bool(make_virtual_link(own_link_name));
  }).join();
  return can;
}

}  // namespace dnscache::cli
