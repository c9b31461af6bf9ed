// Queries that were read from a socket and not answered yet, kept where they outlive the process.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "resolver/base/endpoint.hpp"
#include "resolver/base/error.hpp"
#include "resolver/server/sockets.hpp"
#include "resolver/upstream/timers.hpp"
#include "resolver/wire/name.hpp"

namespace dnscache {

/// Where a reply goes, and from which address if its socket has all, as sendmsg(2) wants it.
struct ReturnAddress {
  sockaddr_storage client;
  socklen_t client_size = 0;
  std::array<std::uint8_t, CMSG_SPACE(sizeof(in6_pktinfo))> control;
  std::size_t control_size = 0;  ///< bytes; 0: the socket has one address
};

/// A query that an earlier process left behind.
struct LeftQuery {
  Endpoint listener;  ///< the socket that it came to
  ReturnAddress to;
  std::vector<std::uint8_t> packet;
};

/// The engine's UDP queries in flight, in memory that the service manager keeps while the engine is
/// killed and started again (FDSTORE=1 of sd_notify(3)): a client then waits for the restart and
/// not for its own time-out. 1024 at most, of 512 bytes each; what doesn't fit is not kept.
class Unanswered {
 public:
  /// Takes over what an earlier process stored; without one, or with one of another layout, makes
  /// new memory and has the service manager keep it. Null where nobody keeps it.
  static std::unique_ptr<Unanswered> open(FileDescriptor stored);
  /// The same in this memory; null if it cannot be mapped.
  static std::unique_ptr<Unanswered> in_memory(FileDescriptor memory);
  ~Unanswered();
  Unanswered(const Unanswered&) = delete;
  Unanswered& operator=(const Unanswered&) = delete;

  /// What was left behind less than 5 s ago, once: a query that ends the engine must not end the
  /// next one again. Before the workers run.
  std::vector<LeftQuery> take();

  /// Returns what to forget the query by; 0: it is not kept. From any thread, as forget().
  std::uint64_t keep(const Endpoint& listener, const ReturnAddress& to, ByteView packet);
  void forget(std::uint64_t ticket);

 private:
  struct Memory;

  Unanswered(FileDescriptor file, Memory* memory);

  FileDescriptor file_;
  Memory* memory_;
};

}  // namespace dnscache
