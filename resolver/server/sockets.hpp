// Listening sockets: opened here, or passed in by systemd.
#pragma once

#include <vector>

#include "resolver/base/endpoint.hpp"
#include "resolver/base/error.hpp"
#include "resolver/base/file_descriptor.hpp"

namespace dnscache {

/// The sockets of one listen address, for one worker.
struct ListenSockets {
  Endpoint endpoint;
  FileDescriptor udp;  ///< -1: none
  FileDescriptor tcp;  ///< -1: none
};

/// Whether several workers listen on an address (SO_REUSEPORT).
enum class Sharing {
  none,
  first,    ///< others will join; but nobody else may have the address already
  further,  ///< joins the first
};

/// Whether an address that the machine does not have is an error, or listened on all the same,
/// because it may come later (IP_FREEBIND in ip(7)): of a bridge, a VPN, a router advertisement.
enum class Presence { required, optional };

/// Opens UDP and TCP on `endpoint`. Port 0 takes any free port, the same for both. The error says
/// what to do about it.
Result<ListenSockets> open_listener(const Endpoint& endpoint, Sharing sharing,
                                    Presence presence = Presence::required);

/// The same for TCP alone, shared with nobody.
Result<ListenSockets> open_tcp_listener(const Endpoint& endpoint);

/// What systemd passed to this process, sd_listen_fds(3).
struct PassedDescriptors {
  std::vector<ListenSockets> sockets;  ///< by address; empty: none
  FileDescriptor stored;               ///< the memory of Unanswered, from an earlier process
};

/// Stream and datagram sockets of other families are an error.
Result<PassedDescriptors> descriptors_from_systemd();

/// Duplicates the descriptors, for a further worker on the same sockets.
Result<ListenSockets> duplicate(const ListenSockets& sockets);

}  // namespace dnscache
