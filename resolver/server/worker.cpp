#include "resolver/server/worker.hpp"

#include <algorithm>
#include <asio/executor_work_guard.hpp>

#include "resolver/local/special_names.hpp"
#include "resolver/server/tcp.hpp"
#include "resolver/server/udp.hpp"
#include "resolver/server/unanswered.hpp"
#include "resolver/wire/build.hpp"

namespace dnscache {

Worker::Worker(const Service& service)
    : service_(service),
      local_data_(std::make_shared<const LocalData>()),
      admission_(std::make_shared<const AdmissionControl>(Config())) {}

Worker::~Worker() { stop(); }

void Worker::listen(std::vector<ListenSockets> sockets) {
  for (ListenSockets& listener : sockets) {
    const Endpoint& endpoint = listener.endpoint;
    if (listener.udp.get() >= 0) {
      udp_.push_back(std::make_unique<UdpListener>(*this, std::move(listener.udp), endpoint));
    }
    if (listener.tcp.get() >= 0) {
      tcp_.push_back(std::make_unique<TcpListener>(*this, std::move(listener.tcp), endpoint));
    }
  }
}

void Worker::listen_only_on(const std::vector<Endpoint>& endpoints) {
  const auto is_unwanted = [&](const auto& listener) {
    return std::ranges::find(endpoints, listener->endpoint()) == endpoints.end();
  };
  std::erase_if(udp_, is_unwanted);
  std::erase_if(tcp_, is_unwanted);
}

void Worker::stop_listening() {
  for (const auto& listener : udp_) listener->close();
  for (const auto& listener : tcp_) listener->close();
}

void Worker::refuse_queries() {
  for (const auto& listener : udp_) listener->refuse_queries();
}

std::vector<Endpoint> Worker::endpoints() const {
  std::vector<Endpoint> endpoints;
  for (const auto& listener : udp_) endpoints.push_back(listener->endpoint());
  return endpoints;
}

void Worker::answer(const LeftQuery& left) {
  const auto found = std::ranges::find_if(
      udp_, [&](const auto& listener) { return listener->endpoint() == left.listener; });
  if (found != udp_.end()) (*found)->answer(left);
}

void Worker::run() {
  const auto keep_running = asio::make_work_guard(io_);
  io_.run();
}

void Worker::start() {
  thread_ = std::thread([this] { run(); });
}

void Worker::stop() {
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

ReplyRule late_rule(const Service& service, const Query& query) {
  return {0, service.cache.rotates() ? query.id : 0u};
}

void count_late_reply(QueryStats& stats, const Answer& answer) {
  if (answer.is_stale()) ++stats.stale;
  if (answer.rcode == Rcode::server_failure) ++stats.servfail;
}

std::optional<CachedAnswer> find_denial(const Cache& cache, const LocalData& local_data,
                                        const Question& question, CacheSeconds now) {
  auto denial = cache.find_nxdomain(question, now);
  if (denial || !cache.has_nxdomain_cut()) return denial;
  return cache.find_nxdomain_above(question, local_data.route_labels(question.name), now);
}

void read_packet(Worker& worker, ByteView packet, Incoming& incoming) {
  incoming.fault = read_query(packet, incoming.query);
  if (incoming.fault != QueryFault::none) return;
  incoming.hash = worker.service().cache.prepare(incoming.query.question);
}

namespace {

constexpr const char* probe_origin = "probe";  // of replies that are neither counted nor logged

std::uint64_t milliseconds_now() {
  return static_cast<std::uint64_t>(Clock::now().time_since_epoch() / 1ms);
}

// What a client that may not ask, or not so much, is told. A query over the limit gets an empty
// answer with TC: nothing to amplify an attack with, and an honest client goes on to TCP.
Decision turn_away(Worker& worker, Admission admission, const Query& query, std::uint8_t* out) {
  QueryStats& stats = worker.stats();
  if (admission == Admission::refuse) {
    ++stats.refused;
    const Answer refused = failure(Rcode::refused, ExtendedError::prohibited);
    const auto size = write_reply(query, refused.view(), {}, max_message_size, out);
    return {Verdict::reply, size, "acl"};
  }
  ++stats.limited;
  constexpr std::size_t nothing_fits = 0;
  return {Verdict::reply, write_reply(query, Answer().view(), {}, nothing_fits, out), "limited"};
}

}  // namespace

Decision decide(Worker& worker, Transport transport, const IpAddress* client,
                const Incoming& incoming, CacheSeconds now, std::size_t max_reply,
                std::uint8_t* out) {
  const Query& query = incoming.query;
  const QueryFault fault = incoming.fault;
  QueryStats& stats = worker.stats();
  ++(transport == Transport::udp ? stats.udp : stats.tcp);
  if (client != nullptr && fault != QueryFault::ignore) {
    const Admission admission =
        worker.admission().admit(*client, transport == Transport::udp, milliseconds_now());
    if (admission != Admission::serve) return turn_away(worker, admission, query, out);
  }
  if (fault != QueryFault::none) {
    ++stats.malformed;
    if (fault == QueryFault::ignore) return {Verdict::ignore};
    return {Verdict::reply, write_fault(query, fault, out), "malformed"};
  }
  const std::size_t limit =
      transport == Transport::udp ? std::min<std::size_t>(query.udp_size, max_reply) : max_reply;
  const Service& service = worker.service();
  if (query.question_class == class_in) {
    const CacheReply cached = service.cache.reply(query, incoming.hash, now, limit, out);
    if (cached.refresh) service.refresh(query.question, incoming.hash);
    if (cached.size != 0) {
      ++stats.hits;
      return {Verdict::reply, cached.size, "cache"};
    }
  }
  if (const auto probed = service.probe_zone.answer(query.question)) {
    ++(transport == Transport::udp ? stats.udp_probes : stats.tcp_probes);
    return {Verdict::reply, write_reply(query, probed->view(), {}, limit, out), probe_origin};
  }
  auto local = answer_special_type(query);
  if (!local) local = worker.local_data().decide(query.question);
  if (!local && query.question_class == class_in) {
    const auto denial = find_denial(service.cache, worker.local_data(), query.question, now);
    if (denial) {
      ++stats.hits;
      const ReplyRule rule{denial->age};
      return {Verdict::reply, write_reply(query, denial->answer.view(), rule, limit, out), "cache"};
    }
  }
  // Without recursion desired the cache may answer, but nobody is asked (RFC 1035 section 4.1.1).
  if (!local && !query.wants(header_flag::recursion_desired)) local = failure(Rcode::refused);
  if (local) {
    ++stats.local;
    const bool is_blocked = local->extended_error == ExtendedError::blocked;
    if (is_blocked) ++stats.blocked;
    const auto turn = static_cast<std::uint32_t>(stats.local.value());
    const ReplyRule rule{0, service.cache.rotates() ? turn : 0};
    return {Verdict::reply, write_reply(query, local->view(), rule, limit, out),
            is_blocked ? "blocked" : "local"};
  }
  ++stats.misses;
  return {Verdict::resolve};
}

namespace {

void tell(const Service& service, const LoggedQuery& query) {
  if (service.query_log != nullptr && service.query_log->is_on()) service.query_log->add(query);
  if (service.traffic != nullptr && service.traffic->is_on()) service.traffic->add(query);
  if (service.monitor != nullptr && service.monitor->is_on()) service.monitor->add(query);
}

std::optional<Endpoint> upstream_of(const Service& service, const Answer& answer) {
  const auto upstreams = service.upstreams.load();
  if (!upstreams || answer.source >= upstreams->size()) return std::nullopt;
  return (*upstreams)[answer.source];
}

}  // namespace

void log_decision(const Service& service, const std::optional<Endpoint>& client,
                  Transport transport, const Incoming& incoming, ByteView reply,
                  const char* origin) {
  if (origin == probe_origin) return;
  auto rcode = static_cast<Rcode>(reply[3] & header_flag::rcode_mask);
  if (incoming.fault == QueryFault::bad_version) rcode = Rcode::bad_version;
  LoggedQuery query{client, transport, incoming.query.question, rcode, origin};
  query.is_malformed =
      incoming.fault != QueryFault::none && incoming.fault != QueryFault::bad_version;
  tell(service, query);
}

void log_answer(const Service& service, const std::optional<Endpoint>& client, Transport transport,
                const Question& question, const Answer& answer, TimePoint asked_at) {
  // What was asked before the log was switched on has no beginning.
  std::optional<Duration> took;
  if (asked_at != TimePoint{}) took = Clock::now() - asked_at;
  tell(service,
       {client, transport, question, answer.rcode, answer.is_stale() ? "stale" : "upstream", took,
        answer.extended_error, upstream_of(service, answer)});
}

}  // namespace dnscache
