// One thread that serves clients.
#pragma once

#include <asio/io_context.hpp>
#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "resolver/admission/admission.hpp"
#include "resolver/base/stats.hpp"
#include "resolver/cache/cache.hpp"
#include "resolver/local/local_data.hpp"
#include "resolver/local/probe_zone.hpp"
#include "resolver/resolve.hpp"
#include "resolver/server/monitor.hpp"
#include "resolver/server/query_log.hpp"
#include "resolver/server/sockets.hpp"
#include "resolver/server/tcp_clients.hpp"
#include "resolver/server/traffic.hpp"

namespace dnscache {

class TcpListener;
class UdpListener;
class Unanswered;
struct LeftQuery;

/// Takes a question, with its hash, to the resolver's thread; the reply function is called there.
using AskFunction =
    std::function<void(const Question&, std::uint64_t hash, ReplyFunction, ClientId)>;

/// What all workers share.
struct Service {
  Cache& cache;
  AskFunction ask;
  std::function<void(const Question&, std::uint64_t hash)> refresh;
  QueryStats&
      late_stats;  ///< of replies that had to be resolved; only the resolver's thread writes
  QueryLog* query_log = nullptr;  ///< null: there is none
  Traffic* traffic = nullptr;     ///< null: nobody counts
  /// Replies that clients still wait for, of all workers.
  mutable std::atomic<std::int64_t> owed{0};
  std::int64_t max_owed = INT64_MAX;  ///< from then on queries that must be resolved are dropped
  TcpLimits tcp_limits{};             ///< of each listener of a worker
  mutable std::atomic<std::int64_t> tcp_unsent{0};  ///< bytes of replies that clients have not read
  Unanswered* unanswered = nullptr;  ///< null: queries in flight end with the process
  ProbeZone probe_zone{};
  Monitor* monitor = nullptr;  ///< null: nobody can watch
  /// The upstreams of the configuration in force, in the order of Answer::source.
  std::atomic<std::shared_ptr<const std::vector<Endpoint>>> upstreams{};
};

/// A thread with its own event loop and its own sockets. Answers what it can from the cache and
/// hands the rest to the resolver.
class Worker {
 public:
  explicit Worker(const Service& service);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  asio::io_context& io() { return io_; }
  const Service& service() const { return service_; }
  QueryStats& stats() { return stats_; }

  const LocalData& local_data() const { return *local_data_; }
  /// Before the thread runs, or on it.
  void set_local_data(LocalDataPtr local_data) { local_data_ = std::move(local_data); }
  const AdmissionControl& admission() const { return *admission_; }
  void set_admission(AdmissionControlPtr admission) { admission_ = std::move(admission); }

  /// Serves further sockets. This and the next two: before the thread runs, or on it.
  void listen(std::vector<ListenSockets> sockets);
  /// Closes the sockets on other addresses than these.
  void listen_only_on(const std::vector<Endpoint>& endpoints);
  /// Takes no more queries; replies still go out.
  void stop_listening();
  /// Sockets of systemd's that are about to be closed: whoever sends another query over UDP is told
  /// so at once; those that have come already are answered.
  void refuse_queries();
  std::vector<Endpoint> endpoints() const;
  /// Resolves what an earlier process read from one of these sockets and did not answer.
  void answer(const LeftQuery& left);

  /// Runs the event loop on the calling thread until stop().
  void run();
  /// The same on a thread of its own.
  void start();
  void stop();

 private:
  const Service& service_;
  asio::io_context io_{1};
  QueryStats stats_;
  LocalDataPtr local_data_;
  AdmissionControlPtr admission_;
  std::vector<std::unique_ptr<UdpListener>> udp_;
  std::vector<std::unique_ptr<TcpListener>> tcp_;
  std::thread thread_;
};

/// How an answer that had to be resolved becomes the reply to one of those who wait for it.
ReplyRule late_rule(const Service& service, const Query& query);
/// Counts what became of a query that had to be resolved.
void count_late_reply(QueryStats& stats, const Answer& answer);

/// What is cached about the question's name as a whole, or about one above it in the same route,
/// and denies it; for questions about which `local_data` knows nothing.
std::optional<CachedAnswer> find_denial(const Cache& cache, const LocalData& local_data,
                                        const Question& question, CacheSeconds now);

/// A client's packet as it was read.
struct Incoming {
  Query query;
  QueryFault fault = QueryFault::none;
  std::uint64_t hash = 0;  ///< of the question, see Cache::prepare()
};

/// Reads a packet, and has the processor begin to fetch what decide() will look at: several packets
/// are best all read before the first is decided.
void read_packet(Worker& worker, ByteView packet, Incoming& incoming);

/// What to do with a client's packet.
enum class Verdict { reply, resolve, ignore };

/// What was decided about a packet, and by whom.
struct Decision {
  Verdict verdict;
  std::size_t size = 0;     ///< bytes of the reply
  const char* origin = "";  ///< of the reply, for the query log
};

/// Everything that can be decided about a packet at once: faults, who may ask, the cache, and what
/// the local data says. `client` is null for this machine, which is always served. A reply is
/// written to `out`, which has room for `max_reply`; over UDP the client's own limit holds as well.
/// Never allocates for a hit.
Decision decide(Worker& worker, Transport transport, const IpAddress* client,
                const Incoming& incoming, CacheSeconds now, std::size_t max_reply,
                std::uint8_t* out);

/// Whether the query log, or somebody who looks at the traffic, wants to be told.
inline bool logs_queries(const Service& service) {
  return (service.query_log != nullptr && service.query_log->is_on()) ||
         (service.traffic != nullptr && service.traffic->is_on()) ||
         (service.monitor != nullptr && service.monitor->is_on());
}
/// Tells them of a reply that was decided at once, or of an answer that took until now.
void log_decision(const Service& service, const std::optional<Endpoint>& client,
                  Transport transport, const Incoming& incoming, ByteView reply,
                  const char* origin);
void log_answer(const Service& service, const std::optional<Endpoint>& client, Transport transport,
                const Question& question, const Answer& answer, TimePoint asked_at);

}  // namespace dnscache
