// Which connection has to go when there are too many, or when they hold too much memory.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "resolver/cache/fair_shares.hpp"
#include "resolver/upstream/timers.hpp"

namespace dnscache {

/// A client's connection as its listener sees it.
class TcpClient {
 public:
  explicit TcpClient(ClientId client) : client_(client) {}

  ClientId client() const { return client_; }
  /// Since when nothing has been owed to it; nothing while something is.
  virtual std::optional<TimePoint> idle_since() const = 0;
  /// Bytes that wait to be sent.
  virtual std::size_t unsent() const = 0;
  /// Ends it and takes it out of the list.
  virtual void close() = 0;

 protected:
  ~TcpClient() = default;

 private:
  ClientId client_;
};

/// How much the connections of one listener may take.
struct TcpLimits {
  std::size_t connections = 512;
  std::size_t of_client = 64;       ///< connections of one address; this machine has no such limit
  std::size_t unsent = 4ull << 20;  ///< bytes of replies that clients have not read
};

/// The open connections of one listener. Used by one thread.
class TcpClients {
 public:
  /// `total_unsent` counts the bytes of all listeners.
  TcpClients(const TcpLimits& limits, std::atomic<std::int64_t>& total_unsent)
      : limits_(limits), total_unsent_(total_unsent) {}

  /// Makes room for one more by closing the one that has been idle longest; false when none is.
  bool make_room(ClientId client);
  void add(TcpClient& client) { all_.push_back(&client); }
  void remove(TcpClient& client);
  std::size_t size() const { return all_.size(); }

  /// What waits to be sent has grown or shrunk. Over the limit, whoever lets most wait is closed.
  void unsent_changed(std::ptrdiff_t bytes);

 private:
  bool close_idle(ClientId client, bool of_anybody);

  TcpLimits limits_;
  std::atomic<std::int64_t>& total_unsent_;
  std::vector<TcpClient*> all_;
  std::size_t unsent_ = 0;
};

}  // namespace dnscache
