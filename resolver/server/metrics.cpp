#include "resolver/server/metrics.hpp"

#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cctype>
#include <fmt/format.h>

#include "resolver/base/version.hpp"
#include "resolver/config/values.hpp"
#include "resolver/server/acceptor.hpp"
#include "resolver/upstream/ena.hpp"

namespace dnscache {
namespace {

using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using asio::ip::tcp;

constexpr std::size_t max_request = 8 << 10;  // bytes, the header of an HTTP request
constexpr unsigned max_clients = 16;
constexpr Duration patience = 5s;  // with a client that sends no request or does not read

/// Writes metrics one after the other, each family with its help and type in front.
class MetricsWriter {
 public:
  explicit MetricsWriter(MetricsFormat format) : format_(format) {}

  void counter(std::string_view name, std::string_view help) { begin(name, "counter", help); }
  void gauge(std::string_view name, std::string_view help) { begin(name, "gauge", help); }
  void histogram(std::string_view name, std::string_view help) { begin(name, "histogram", help); }

  template <class Number>
  void sample(std::string_view labels, Number value) {
    line(is_counter_ ? "_total" : "", labels, value);
  }
  template <class Number>
  void line(std::string_view suffix, std::string_view labels, Number value) {
    text_ += fmt::format("dnscachectl_{}{}", name_, suffix);
    if (!labels.empty()) text_ += fmt::format("{{{}}}", labels);
    text_ += fmt::format(" {}\n", value);
  }

  std::string finish() {
    if (format_ == MetricsFormat::openmetrics) text_ += "# EOF\n";
    return std::move(text_);
  }

 private:
  // A counter's family is named without "_total" in OpenMetrics, with it in the older form.
  void begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    is_counter_ = type == "counter";
    const bool with_suffix = is_counter_ && format_ == MetricsFormat::prometheus;
    const std::string family = fmt::format("dnscachectl_{}{}", name, with_suffix ? "_total" : "");
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", family, help, family, type);
  }

  MetricsFormat format_;
  std::string text_;
  std::string name_;
  bool is_counter_ = false;
};

std::string label(std::string_view name, std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    if (c == '\\' || c == '"') escaped += '\\';
    escaped += c;
  }
  return fmt::format("{}=\"{}\"", name, escaped);
}

/// Calls `visit(upstream, labels)` for every upstream of every group.
template <class Visit>
void for_each_upstream(const StatusSources& sources, Visit visit) {
  for (const auto& group : sources.resolver.groups()) {
    for (const auto& [upstream, lane] : group->members()) {
      visit(*upstream, label("zone", group->zone().to_text()) + ',' +
                           label("upstream", upstream->config().endpoint.to_text()) + ',' +
                           label("protocol", protocol_words.print(upstream->config().protocol)));
    }
  }
}

void write_queries(MetricsWriter& out, const StatusSources& sources) {
  const QueryTotals totals = query_totals(sources);
  for (const auto& counter : query_counters) {
    if (*counter.help != '\0') out.counter(counter.metric, counter.help);
    out.sample(counter.label, totals.*counter.value);
  }
  out.counter("query_log_dropped", "Lines of the query log that could not be written in time.");
  out.sample("", sources.query_log_dropped);
  out.gauge("in_flight", "Questions that upstreams are being asked now.");
  out.sample("", sources.resolver.in_flight().size());
}

void write_memory(MetricsWriter& out, const StatusSources& sources) {
  const InFlight& in_flight = sources.resolver.in_flight();
  out.gauge("memory_limit_bytes", "Memory that the engine may use, without its lists.");
  out.sample("", sources.memory.total);
  out.gauge("resident_memory_bytes", "Memory that the process has.");
  out.sample("", resident_memory());
  out.gauge("in_flight_limit", "Questions that there is room for.");
  out.sample("", in_flight.limits().flights);
  out.gauge("waiting", "Clients that wait for an answer.");
  out.sample("", in_flight.waiting());
  out.gauge("tcp_unsent_bytes", "Replies over TCP that clients have not read.");
  out.sample("", sources.tcp_unsent);
  out.counter("dropped_questions", "Questions that gave way to others for want of room.");
  out.sample("", sources.resolver.dropped());
}

void write_validation(MetricsWriter& out, const StatusSources& sources) {
  const ValidationStats& stats = sources.resolver.validation_stats();
  out.counter("dnssec_validations", "Questions to upstreams whose answers were validated.");
  out.sample(label("result", "secure"), stats.secure.value());
  out.sample(label("result", "insecure"), stats.insecure.value());
  out.sample(label("result", "bogus"), stats.bogus.value());
  out.sample(label("result", "failed"), stats.failed.value());
}

void write_cache(MetricsWriter& out, const Cache& cache) {
  const CacheStats stats = cache.stats();
  out.gauge("cache_entries", "Answers in the cache.");
  out.sample("", stats.entries);
  out.gauge("cache_bytes", "Memory in use by answers, index included.");
  out.sample("", stats.bytes);
  out.gauge("cache_size_bytes", "Memory that answers may use.");
  out.sample("", stats.size_bytes);
  out.counter("cache_insertions", "Answers that were stored.");
  out.sample("", stats.insertions);
  out.counter("cache_evictions", "Answers that went for want of room.");
  out.sample("", stats.evictions);
}

void write_hedges(MetricsWriter& out, const StatusSources& sources) {
  const ExtraPackets extra = extra_packets(sources);
  out.counter("extra_packets", "Packets to upstreams beyond one for each question.");
  out.sample("", extra.asked);
  out.counter("extra_packets_won", "Of those, the ones that brought the first answer.");
  out.sample("", extra.won);
}

void write_upstream_counters(MetricsWriter& out, const StatusSources& sources) {
  for (const auto& counter : upstream_counters) {
    out.counter(counter.metric, counter.help);
    for_each_upstream(sources, [&](Upstream& upstream, const std::string& labels) {
      out.sample(labels, upstream.counters().*counter.value);
    });
  }
}

void write_upstream_state(MetricsWriter& out, const StatusSources& sources, TimePoint now) {
  out.gauge("upstream_up", "1 for an upstream that is asked, 0 for one that is only probed.");
  for_each_upstream(sources, [&](Upstream& upstream, const std::string& labels) {
    out.sample(labels, upstream.health().is_usable() ? 1 : 0);
  });
  out.gauge("upstream_packets_per_second", "Packets sent to an upstream in the last second.");
  for_each_upstream(sources, [&](Upstream& upstream, const std::string& labels) {
    out.sample(labels, upstream.rate().current(now));
  });
  out.gauge("upstream_quota_packets_per_second",
            "Packets an upstream is sent at most; absent where there is no limit.");
  for_each_upstream(sources, [&](Upstream& upstream, const std::string& labels) {
    if (upstream.rate().limit() != 0) out.sample(labels, upstream.rate().limit());
  });
}

// Every doubling of a time from 128 us to 4 s: bounds that the estimator has exactly.
void write_times(MetricsWriter& out, const RttEstimator& times, const std::string& labels) {
  constexpr unsigned first_doubling = 7;
  constexpr unsigned last_doubling = 22;
  const std::string others = labels.empty() ? "" : labels + ',';
  for (unsigned doubling = first_doubling; doubling <= last_doubling; ++doubling) {
    const Duration bound = std::chrono::microseconds(std::uint64_t{1} << doubling);
    const std::string le = label("le", fmt::format("{}", in_seconds(bound)));
    out.line("_bucket", others + le, times.count_below(bound));
  }
  out.line("_bucket", others + label("le", "+Inf"), times.count());
  out.line("_sum", labels, in_seconds(times.total()));
  out.line("_count", labels, times.count());
}

void write_round_trip_times(MetricsWriter& out, const StatusSources& sources) {
  out.histogram("upstream_rtt_seconds", "Round-trip times of an upstream's responses.");
  for_each_upstream(sources, [&](Upstream& upstream, const std::string& labels) {
    write_times(out, upstream.health().rtt(), labels);
  });
}

// What the cache did not have; what it has takes microseconds.
void write_resolutions(MetricsWriter& out, const Resolver& resolver) {
  out.histogram("resolve_seconds", "Time to resolve a question that was not in the cache.");
  write_times(out, resolver.times(), "");
  out.counter("resolved_answers", "Answers that were not in the cache, by type and response code.");
  resolver.answers().for_each([&](const std::string& type, Rcode rcode, std::uint64_t count) {
    out.sample(label("type", type) + ',' + label("rcode", rcode_text(rcode)), count);
  });
  out.gauge("lookups_failing", "1 while no question to the default upstreams is answered.");
  out.sample("", resolver.outage().is_on() ? 1 : 0);
}

void write_quota_waits(MetricsWriter& out, const StatusSources& sources) {
  const auto has_quota = [](const UpstreamGroup& group) {
    return std::ranges::any_of(
        group.members(), [](const auto& member) { return member.upstream->rate().limit() != 0; });
  };
  out.counter("quota_waits", "Questions that waited for room in a quota; absent without one.");
  for (const auto& group : sources.resolver.groups()) {
    if (has_quota(*group)) out.sample(label("zone", group->zone().to_text()), group->quota_waits());
  }
}

void write_process(MetricsWriter& out, const StatusSources& sources, TimePoint now) {
  out.gauge("build_info", "The version of the engine.");
  out.sample(label("version", version()), 1);
  out.gauge("uptime_seconds", "Time since the engine started.");
  out.sample("", in_seconds(now - sources.started_at));
  out.gauge("config_in_force", "1 if the configuration as it is written is in force, 0 if not.");
  out.sample("",
             sources.config_state.problems.empty() && !sources.config_state.has_changed ? 1 : 0);
  out.gauge("config_in_force_seconds", "Time since a configuration was last taken over.");
  out.sample("", in_seconds(now - sources.config_state.in_force_since));
  out.counter("reloads", "Reloads of the configuration.");
  out.sample(label("result", "ok"), sources.reloads);
  out.sample(label("result", "failed"), sources.failed_reloads);
  out.gauge("workers", "Threads that answer questions.");
  out.sample("", sources.workers.size());
  if (const auto dropped = read_linklocal_allowance_exceeded()) {
    out.counter("linklocal_allowance_exceeded",
                "Packets to link-local services that EC2 dropped, by the ENA driver's count.");
    out.sample("", *dropped);
  }
}

/// The first line of an HTTP request, and what counts for us in the rest of its header.
struct Request {
  std::string method;
  std::string target;
  bool wants_openmetrics = false;
};

Request parse_request(std::string header) {
  Request request;
  const auto first = header.find(' ');
  const auto second = first == std::string::npos ? first : header.find(' ', first + 1);
  if (second == std::string::npos || header.find('\r') < second) return request;
  request.method = header.substr(0, first);
  request.target = header.substr(first + 1, second - first - 1);
  request.target.resize(std::min(request.target.size(), request.target.find('?')));
  std::ranges::transform(header, header.begin(), [](unsigned char c) { return std::tolower(c); });
  request.wants_openmetrics = header.find("application/openmetrics-text") != std::string::npos;
  return request;
}

std::string response(std::string_view status, std::string_view type, const std::string& body,
                     bool with_body) {
  return fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
      status, type, body.size(), with_body ? body : "");
}

std::string answer_request(const Request& request, const MetricsListener::Text& text) {
  const auto refuse = [](std::string_view status, const std::string& body) {
    return response(status, "text/plain; charset=utf-8", body, true);
  };
  if (request.method.empty()) return refuse("400 Bad Request", "this is not HTTP\n");
  if (request.method != "GET" && request.method != "HEAD") {
    return refuse("405 Method Not Allowed", "only GET and HEAD\n");
  }
  if (request.target != "/metrics") return refuse("404 Not Found", "there is only /metrics\n");
  const bool with_body = request.method == "GET";
  if (request.wants_openmetrics) {
    return response("200 OK", "application/openmetrics-text; version=1.0.0; charset=utf-8",
                    text(MetricsFormat::openmetrics), with_body);
  }
  return response("200 OK", "text/plain; version=0.0.4; charset=utf-8",
                  text(MetricsFormat::prometheus), with_body);
}

}  // namespace

std::string metrics_as_text(const StatusSources& sources, MetricsFormat format) {
  const TimePoint now = Clock::now();
  MetricsWriter out(format);
  write_process(out, sources, now);
  write_queries(out, sources);
  if (sources.config.dnssec.mode == DnssecMode::validate) write_validation(out, sources);
  write_memory(out, sources);
  write_cache(out, sources.cache);
  write_hedges(out, sources);
  write_upstream_state(out, sources, now);
  write_upstream_counters(out, sources);
  write_resolutions(out, sources.resolver);
  write_quota_waits(out, sources);
  write_round_trip_times(out, sources);
  return out.finish();
}

/// What the accepting loop and the clients' coroutines share.
struct MetricsListener::State : std::enable_shared_from_this<State> {
  State(asio::io_context& context, const Endpoint& where, FileDescriptor socket, Text t)
      : io(context),
        endpoint(where),
        text(std::move(t)),
        acceptor({context, where.address.is_v6 ? tcp::v6() : tcp::v4(), socket.release()},
                 [this](tcp::socket connection) { take(std::move(connection)); }) {}

  void take(tcp::socket socket) {
    if (clients >= max_clients) return;
    auto shared = std::make_shared<tcp::socket>(std::move(socket));
    asio::co_spawn(io, serve(shared_from_this(), std::move(shared)), asio::detached);
  }

  static awaitable<void> serve(std::shared_ptr<State> self, std::shared_ptr<tcp::socket> socket) {
    ++self->clients;
    asio::steady_timer deadline(self->io);
    deadline.expires_after(patience);
    deadline.async_wait([socket](std::error_code cancelled) {
      std::error_code ignored;
      if (!cancelled) socket->close(ignored);
    });
    std::string bytes;
    std::error_code error;
    const std::size_t size =
        co_await asio::async_read_until(*socket, asio::dynamic_buffer(bytes, max_request),
                                        "\r\n\r\n", redirect_error(use_awaitable, error));
    if (!error) {
      const std::string reply = answer_request(parse_request(bytes.substr(0, size)), self->text);
      auto buffer = asio::buffer(reply);
      co_await asio::async_write(*socket, buffer, redirect_error(use_awaitable, error));
      socket->shutdown(tcp::socket::shutdown_both, error);
    }
    deadline.cancel();
    --self->clients;
  }

  asio::io_context& io;
  Endpoint endpoint;
  Text text;
  unsigned clients = 0;
  Acceptor<tcp> acceptor;
};

MetricsListener::MetricsListener(std::shared_ptr<State> state) : state_(std::move(state)) {}

MetricsListener::~MetricsListener() { state_->acceptor.close(); }

const Endpoint& MetricsListener::endpoint() const { return state_->endpoint; }

Result<std::unique_ptr<MetricsListener>> MetricsListener::open(asio::io_context& io,
                                                               const Endpoint& endpoint,
                                                               Text text) {
  auto socket = open_tcp_listener(endpoint);
  if (!socket) return Error{"metrics: " + socket.error().message, socket.error().code};
  auto state =
      std::make_shared<State>(io, socket->endpoint, std::move(socket->tcp), std::move(text));
  return std::unique_ptr<MetricsListener>(new MetricsListener(std::move(state)));
}

}  // namespace dnscache
