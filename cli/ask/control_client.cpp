#include "cli/ask/control_client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fmt/format.h>

#include "cli/settings/environment.hpp"
#include "resolver/base/file_descriptor.hpp"
#include "resolver/config/read.hpp"

namespace dnscache::cli {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t max_reply_bytes = 16u << 20;

Error not_running(const std::filesystem::path& socket) {
  return {fmt::format("not running: nobody listens on {}; start it with 'dnscachectl setup' or "
                      "'dnscachectl serve'",
                      socket.string()),
          ExitCode::not_running};
}

Error no_reply(const std::filesystem::path& socket) {
  return {fmt::format("the engine at {} does not respond; see its log", socket.string())};
}

Result<FileDescriptor> connect_to(const std::filesystem::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = socket.string();
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return Error{fmt::format("the path of the control socket must have 1 to {} bytes: '{}'",
                             sizeof address.sun_path - 1, path),
                 ExitCode::usage};
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  FileDescriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return system_error("cannot make a Unix socket", errno);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  switch (errno) {
    case ENOENT:
    case ECONNREFUSED:
    case ENOTDIR:
      return not_running(socket);
    case EAGAIN:
      return no_reply(socket);  // its backlog is full
    default:
      return system_error(fmt::format("cannot connect to {}", path), errno);
  }
}

bool wait_for(int fd, short events, Clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    pollfd entry{fd, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

bool send_all(int fd, std::string_view text, Clock::time_point deadline) {
  while (!text.empty()) {
    const auto sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EINTR && (errno != EAGAIN || !wait_for(fd, POLLOUT, deadline))) {
      return false;
    }
  }
  return true;
}

// An engine of another version may leave a member out or give it another type.
template <class T>
T member(const nlohmann::json& object, const char* key, T fallback) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (!object.is_object() || found == object.end()) return fallback;
  try {
    return found->get<T>();
  } catch (const nlohmann::json::exception&) {
    return fallback;
  }
}

template <class Totals, std::size_t size>
void read_counters(const nlohmann::json& object, const NamedCounter<Totals> (&table)[size],
                   Totals& totals) {
  for (const auto& counter : table) {
    totals.*counter.value = member<std::uint64_t>(object, counter.key, 0);
  }
}

std::optional<double> optional_number(const nlohmann::json& object, const char* key) {
  if (!object.is_object() || !object.contains(key) || !object[key].is_number()) return {};
  return object[key].get<double>();
}

UpstreamStatus parse_upstream(const nlohmann::json& object, const std::string& zone) {
  UpstreamStatus upstream;
  upstream.zone = zone;
  upstream.address = member<std::string>(object, "address", "?");
  upstream.protocol = member<std::string>(object, "protocol", "udp");
  upstream.state = member<std::string>(object, "state", "unknown");
  upstream.rtt_ms = optional_number(object, "rtt_ms");
  upstream.rtt_p99_ms = optional_number(object, "rtt_p99_ms");
  for (const auto& time : member(object, "rtt_recent_ms", nlohmann::json::array())) {
    upstream.rtt_recent_ms.push_back(time.is_number() ? std::optional(time.get<double>())
                                                      : std::nullopt);
  }
  upstream.packets_per_second = member<std::uint64_t>(object, "packets_per_second", 0);
  read_counters(object, upstream_counters, upstream.counters);
  upstream.packets_per_second_peak = member<std::uint64_t>(object, "packets_per_second_peak", 0);
  if (object.contains("quota")) upstream.quota = member<std::uint64_t>(object, "quota", 0);
  for (const auto& limitation : member(object, "limitations", nlohmann::json::array())) {
    upstream.limitations.push_back("without " + member<std::string>(limitation, "without", "?") +
                                   ", because it " +
                                   member<std::string>(limitation, "reason", "?"));
  }
  upstream.last_failure = member<std::string>(object, "last_failure", "");
  upstream.last_failure_seconds_ago = optional_number(object, "last_failure_seconds_ago");
  return upstream;
}

}  // namespace

Result<EngineConnection> EngineConnection::open(const std::filesystem::path& socket) {
  auto fd = connect_to(socket);
  if (!fd) return fd.error();
  return EngineConnection(socket, std::move(*fd));
}

std::optional<std::string> EngineConnection::receive_line(std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  received_.erase(0, used_);
  used_ = 0;
  std::size_t searched = 0;
  char buffer[65536];
  while (true) {
    if (const auto end = received_.find('\n', searched); end != received_.npos) {
      used_ = end + 1;
      return received_.substr(0, end);
    }
    searched = received_.size();
    if (searched >= max_reply_bytes || !wait_for(fd_.get(), POLLIN, deadline)) break;
    const auto size = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (size == 0) break;
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (size < 0) break;
    received_.append(buffer, static_cast<std::size_t>(size));
  }
  is_open_ = false;
  return std::nullopt;
}

Result<nlohmann::json> EngineConnection::ask(const nlohmann::json& request,
                                             const std::function<void(nlohmann::json&&)>& use,
                                             std::chrono::milliseconds timeout) {
  is_open_ = send_all(fd_.get(), request.dump() + '\n', Clock::now() + timeout);
  if (!is_open_) return no_reply(socket_);
  while (true) {
    const auto line = receive_line(timeout);
    if (!line) return no_reply(socket_);
    auto reply = nlohmann::json::parse(*line, nullptr, false);
    if (!reply.is_object()) {
      is_open_ = false;
      return Error{fmt::format("what listens on {} is not dnscachectl's engine", socket_.string())};
    }
    if (use && !reply.contains("ok")) {
      use(std::move(reply));
      continue;
    }
    if (member(reply, "ok", false)) return reply;
    return Error{member<std::string>(reply, "error", "the engine refused the request"),
                 static_cast<ExitCode>(member(reply, "exit_code", 1))};
  }
}

Result<nlohmann::json> ask_engine(const std::filesystem::path& socket,
                                  const nlohmann::json& request,
                                  std::chrono::milliseconds timeout) {
  return ask_engine_for_lines(socket, request, {}, timeout);
}

Result<nlohmann::json> ask_engine_for_lines(const std::filesystem::path& socket,
                                            const nlohmann::json& request,
                                            const std::function<void(nlohmann::json&&)>& use,
                                            std::chrono::milliseconds timeout) {
  auto engine = EngineConnection::open(socket);
  if (!engine) return engine.error();
  return engine->ask(request, use, timeout);
}

std::filesystem::path control_path(const std::filesystem::path& wanted) {
  if (!wanted.empty()) return wanted;
  const auto environment = our_environment();
  const auto named = config_in(environment);
  auto configured = read_config_file(named.empty() ? default_config_path : named);
  if (!configured) configured.config = Config{};
  (void)apply_environment(environment, configured.config);
  return configured.config.control;
}

EngineStatus parse_status(const nlohmann::json& reply) {
  const auto part = [&](const char* key) { return member(reply, key, nlohmann::json::object()); };
  const auto cache = part("cache");
  EngineStatus status;
  status.version = member<std::string>(reply, "version", "?");
  status.probe_zone = member<std::string>(reply, "probe_zone", "");
  status.pid = member(reply, "pid", 0);
  status.uptime_seconds = member(reply, "uptime_seconds", 0.0);
  status.workers = member<std::uint64_t>(reply, "workers", 0);
  for (const auto& text : member(reply, "listen", std::vector<std::string>{})) {
    if (const auto endpoint = Endpoint::parse(text, dns_port)) status.listen.push_back(*endpoint);
  }
  const auto configuration = part("configuration");
  status.configuration = {member<std::string>(configuration, "file", ""),
                          member(configuration, "problems", std::vector<std::string>{}),
                          member(configuration, "changed_on_disk", false)};
  read_counters(part("queries"), query_counters, status.queries);
  const auto dnssec = part("dnssec");
  if (member<std::string>(dnssec, "mode", "") == "validate") {
    status.dnssec = ValidationCounts{member<std::uint64_t>(dnssec, "secure", 0),
                                     member<std::uint64_t>(dnssec, "insecure", 0),
                                     member<std::uint64_t>(dnssec, "bogus", 0)};
  }
  status.entries = member<std::uint64_t>(cache, "entries", 0);
  status.cache_bytes = member<std::uint64_t>(cache, "bytes", 0);
  status.cache_size_bytes = member<std::uint64_t>(cache, "size_bytes", 0);
  status.evictions = member<std::uint64_t>(cache, "evictions", 0);
  const auto memory = part("memory");
  status.memory_limit = member<std::uint64_t>(memory, "limit_bytes", 0);
  status.resident_memory = member<std::uint64_t>(memory, "resident_bytes", 0);
  status.dropped = member<std::uint64_t>(memory, "dropped", 0);
  if (reply.contains("linklocal_allowance_exceeded")) {
    status.linklocal_allowance_exceeded =
        member<std::uint64_t>(reply, "linklocal_allowance_exceeded", 0);
  }
  for (const auto& group : member(reply, "groups", nlohmann::json::array())) {
    const auto zone = member<std::string>(group, "zone", ".");
    ServerGroup servers{zone, member<std::string>(group, "source", ""), {}};
    for (const auto& upstream : member(group, "upstreams", nlohmann::json::array())) {
      status.upstreams.push_back(parse_upstream(upstream, zone));
      const auto link = member<std::string>(upstream, "link", "");
      servers.servers.push_back(status.upstreams.back().address +
                                (link.empty() ? "" : " (" + link + ')'));
    }
    status.groups.push_back(std::move(servers));
  }
  status.reply = reply;
  return status;
}

Result<EngineStatus> engine_status(const std::filesystem::path& socket) {
  const auto reply = ask_engine(socket, {{"command", "status"}});
  if (!reply) return reply.error();
  return parse_status(*reply);
}

}  // namespace dnscache::cli
