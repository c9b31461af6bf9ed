#include "resolver/server/sockets.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <systemd/sd-daemon.h>

namespace dnscache {
namespace {

constexpr int receive_buffer_size = 4 << 20;  // bytes: bursts of thousands of queries
constexpr int tcp_backlog = 256;
constexpr int attempts_for_same_port = 16;

Error listen_error(const Endpoint& endpoint, const char* protocol, int error_number) {
  std::string what = std::string("cannot listen on ") + endpoint.to_text() + " (" + protocol + ")";
  Error error = system_error(what, error_number);
  if (error_number == EADDRINUSE) {
    error.message +=
        "; another program has the port, 'ss -lptun sport = :" + std::to_string(endpoint.port) +
        "' names it";
  } else if (error_number == EACCES) {
    error.message += "; ports below 1024 need root or CAP_NET_BIND_SERVICE";
  } else if (error_number == EADDRNOTAVAIL) {
    error.message += "; no interface of this machine has the address";
  }
  return error;
}

void set_option(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

// A bigger buffer than net.core.rmem_max allows needs CAP_NET_ADMIN; without, the most allowed.
void set_receive_buffer(int fd) {
  const int size = receive_buffer_size;
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) == 0) return;
  set_option(fd, SOL_SOCKET, SO_RCVBUF, receive_buffer_size);
}

void prepare_udp(int fd, const IpAddress& address) {
  set_receive_buffer(fd);
  if (!address.is_unspecified()) return;
  // Replies must come from the address that was asked.
  set_option(fd, address.is_v6 ? IPPROTO_IPV6 : IPPROTO_IP,
             address.is_v6 ? IPV6_RECVPKTINFO : IP_PKTINFO, 1);
}

Result<FileDescriptor> open_socket(const Endpoint& endpoint, int type, Sharing sharing,
                                   Presence presence) {
  const char* protocol = type == SOCK_DGRAM ? "UDP" : "TCP";
  sockaddr_storage address;
  const socklen_t size = endpoint.to_sockaddr(address);
  FileDescriptor fd(::socket(address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return listen_error(endpoint, protocol, errno);
  if (sharing == Sharing::further) set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  if (type == SOCK_STREAM) set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  const bool is_v6 = endpoint.address.is_v6;
  if (is_v6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (presence == Presence::optional) {
    set_option(fd.get(), is_v6 ? IPPROTO_IPV6 : IPPROTO_IP, is_v6 ? IPV6_FREEBIND : IP_FREEBIND, 1);
  }
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    return listen_error(endpoint, protocol, errno);
  }
  // Only now, so that another engine of the same user is noticed and not joined.
  if (sharing == Sharing::first) set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  if (type == SOCK_STREAM && ::listen(fd.get(), tcp_backlog) != 0) {
    return listen_error(endpoint, protocol, errno);
  }
  if (type == SOCK_DGRAM) prepare_udp(fd.get(), endpoint.address);
  return fd;
}

std::optional<Endpoint> local_endpoint(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
  return Endpoint::from_sockaddr(address);
}

// An engine that was told to refuse queries may have left its socket connected.
void disconnect(int fd) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return;
  sockaddr_storage nobody{};
  nobody.ss_family = AF_UNSPEC;
  (void)!::connect(fd, reinterpret_cast<const sockaddr*>(&nobody), sizeof nobody);
}

bool is_regular_file(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

Result<ListenSockets> open_listener(const Endpoint& endpoint, Sharing sharing, Presence presence) {
  // With port 0 the kernel's choice for UDP may be taken for TCP: then another is tried.
  const int attempts = endpoint.port == 0 ? attempts_for_same_port : 1;
  for (int attempt = 1;; ++attempt) {
    auto udp = open_socket(endpoint, SOCK_DGRAM, sharing, presence);
    if (!udp) return udp.error();
    const auto bound = local_endpoint(udp->get());
    auto tcp = open_socket(bound.value_or(endpoint), SOCK_STREAM, sharing, presence);
    if (tcp) return ListenSockets{bound.value_or(endpoint), std::move(*udp), std::move(*tcp)};
    if (attempt >= attempts) return tcp.error();
  }
}

Result<ListenSockets> open_tcp_listener(const Endpoint& endpoint) {
  auto tcp = open_socket(endpoint, SOCK_STREAM, Sharing::none, Presence::required);
  if (!tcp) return tcp.error();
  const auto bound = local_endpoint(tcp->get());
  return ListenSockets{bound.value_or(endpoint), {}, std::move(*tcp)};
}

Result<PassedDescriptors> descriptors_from_systemd() {
  const int count = ::sd_listen_fds(1);
  if (count < 0) return system_error("cannot take over the sockets from systemd", -count);
  PassedDescriptors passed;
  auto& listeners = passed.sockets;
  for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; ++fd) {
    FileDescriptor owned(fd);
    if (is_regular_file(fd)) {
      passed.stored = std::move(owned);
      continue;
    }
    const bool is_udp = ::sd_is_socket(fd, AF_UNSPEC, SOCK_DGRAM, -1) > 0;
    const bool is_tcp = ::sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) > 0;
    const auto endpoint = local_endpoint(fd);
    if (!endpoint || (!is_udp && !is_tcp)) {
      return Error{
          "systemd passed a socket that is neither UDP nor listening TCP; see the "
          "ListenDatagram= and ListenStream= lines of dnscachectl.socket"};
    }
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    auto found = std::ranges::find(listeners, *endpoint, &ListenSockets::endpoint);
    if (found == listeners.end()) {
      listeners.push_back(ListenSockets{*endpoint, {}, {}});
      found = std::prev(listeners.end());
    }
    if (is_udp) {
      disconnect(fd);
      prepare_udp(fd, endpoint->address);
    }
    (is_udp ? found->udp : found->tcp) = std::move(owned);
  }
  return passed;
}

Result<ListenSockets> duplicate(const ListenSockets& sockets) {
  ListenSockets copy{sockets.endpoint, {}, {}};
  for (const auto& [from, to] : {std::pair{&sockets.udp, &copy.udp}, {&sockets.tcp, &copy.tcp}}) {
    if (from->get() < 0) continue;
    to->reset(::fcntl(from->get(), F_DUPFD_CLOEXEC, 3));
    if (to->get() < 0) return system_error("cannot share a listening socket", errno);
  }
  return copy;
}

}  // namespace dnscache
