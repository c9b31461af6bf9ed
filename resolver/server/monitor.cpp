#include "resolver/server/monitor.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

namespace dnscache {
namespace {

using nlohmann::json;

constexpr std::size_t max_records = 4096;  // that wait to be handed out; about 1.5 MB
constexpr std::size_t max_waiting = 4096;  // of a watcher who reads slowly
constexpr std::size_t lines_in_part = 64;
constexpr Duration heartbeat_interval = 1s;

}  // namespace

/// What is kept of a query.
struct Monitor::Record {
  std::chrono::system_clock::time_point time;
  Name name;
  std::uint16_t type = 0;
  std::optional<Endpoint> client;
  Transport transport = Transport::udp;
  Rcode rcode = Rcode::no_error;
  const char* origin = "";
  std::optional<Endpoint> upstream;
  std::optional<Duration> took;
  ExtendedError extended_error = ExtendedError::none;
  bool is_malformed = false;

  bool has_failed() const {
    return is_malformed || (rcode != Rcode::no_error && rcode != Rcode::nx_domain);
  }
  json to_json() const;
};

json Monitor::Record::to_json() const {
  return dnscache::to_json({client,
                            transport,
                            {name, type},
                            rcode,
                            origin,
                            took,
                            extended_error,
                            upstream,
                            is_malformed},
                           time);
}

/// A client, and what it wants to see.
struct Monitor::Watcher {
  explicit Watcher(Monitor& of) : monitor(of) { ++monitor.watchers_; }
  ~Watcher() { --monitor.watchers_; }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  bool wants(const Record& record) const {
    if (zone && !record.name.is_within(*zone)) return false;
    if (client && (!record.client || record.client->address != *client)) return false;
    return !is_for_failed || record.has_failed();
  }

  void take(const Record& record) {
    if (!wants(record)) return;
    if (waiting.size() < max_waiting) {
      waiting.push_back(record);
    } else {
      ++monitor.dropped_;
    }
  }

  void write(std::string& out) {
    const auto line = [&](const json& document) {
      out += document.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
    };
    for (std::size_t i = 0; i < lines_in_part && !waiting.empty(); ++i) {
      line(waiting.front().to_json());
      waiting.pop_front();
    }
    const TimePoint now = Clock::now();
    if (now - heartbeat_at < heartbeat_interval) return;
    heartbeat_at = now;
    line({{"dropped", monitor.dropped_.load()}});  // shows as well whether the client is there
  }

  Monitor& monitor;
  std::optional<Name> zone;
  std::optional<IpAddress> client;
  bool is_for_failed = false;
  std::deque<Record> waiting;
  TimePoint heartbeat_at{};
};

Monitor::Monitor() = default;
Monitor::~Monitor() = default;

void Monitor::add(const LoggedQuery& query) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || records_.size() >= max_records) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  Record& record = records_.emplace_back();
  record.time = std::chrono::system_clock::now();
  record.name = query.question.name;
  record.type = query.question.type;
  record.client = query.client;
  record.transport = query.transport;
  record.rcode = query.rcode;
  record.origin = query.origin;
  record.upstream = query.upstream;
  record.took = query.took;
  record.extended_error = query.extended_error;
  record.is_malformed = query.is_malformed;
}

void Monitor::hand_out() {
  std::vector<Record> records;
  {
    const std::lock_guard lock(mutex_);
    records.swap(records_);
  }
  std::erase_if(watching_, [](const auto& watcher) { return watcher.expired(); });
  for (const auto& weak : watching_) {
    const auto watcher = weak.lock();
    for (const Record& record : records) watcher->take(record);
  }
}

Result<ControlReply> Monitor::watch(const json& request) {
  const auto text = [&](const char* key) {
    return request.contains(key) && request[key].is_string() ? request[key].get<std::string>()
                                                             : std::string();
  };
  const auto watcher = std::make_shared<Watcher>(*this);
  if (const auto zone = text("zone"); !zone.empty()) {
    watcher->zone = Name::parse(zone);
    if (!watcher->zone) return Error{"the \"zone\" is not a domain name"};
  }
  if (const auto client = text("client"); !client.empty()) {
    watcher->client = IpAddress::parse(client);
    if (!watcher->client) return Error{"the \"client\" is not an address"};
  }
  watcher->is_for_failed = request.value("failed", json()) == json(true);
  if (watching_.empty() || watchers_ == 1) {
    dropped_ = 0;
    const std::lock_guard lock(mutex_);
    records_.clear();
  }
  watching_.push_back(watcher);
  return ControlReply([this, watcher](std::string& out) {
           hand_out();
           watcher->write(out);
           return true;
         })
      .that_waits();
}

}  // namespace dnscache
