#include "resolver/server/traffic.hpp"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

namespace dnscache {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr std::size_t stripe_count = 8;
constexpr std::size_t stripe_size = 2048;  // queries; about 0.6 MB
constexpr std::size_t kept_names = 1000;   // about 100 kB
constexpr std::size_t kept_clients = 200;
constexpr std::size_t kept_ports = 8;  // of a client, for finding the process
constexpr auto drain_interval = 10ms;
constexpr auto nobody_looks = 60s;
constexpr Duration slow = 100ms;
// In place of a name. Brackets are escaped in names, so none is called that.
const std::string malformed = "(malformed)";

// The last two labels: what is registered, mostly.
std::string zone_of(const Name& name) {
  Name zone = name;
  while (zone.label_count() > 2) zone = zone.parent();
  return zone.to_text();
}

json as_json(const SpaceSaving::Item& item) {
  return {{"name", item.key},
          {"queries", item.counts.queries},
          {"misses", item.counts.misses},
          {"nxdomain", item.counts.nxdomain},
          {"slow", item.counts.slow},
          {"off_by", item.counts.off_by}};
}

json as_json(const std::vector<SpaceSaving::Item>& items) {
  json out = json::array();
  for (const auto& item : items) out.push_back(as_json(item));
  return out;
}

}  // namespace

TrafficCounts& SpaceSaving::count(const std::string& key) {
  if (const auto found = places_.find(key); found != places_.end()) {
    auto& counts = items_[found->second].counts;
    ++counts.queries;
    return counts;
  }
  std::size_t place = items_.size();
  std::uint64_t inherited = 0;
  if (items_.size() < capacity_) {
    items_.emplace_back();
  } else {
    const auto rarest =
        std::ranges::min_element(items_, {}, [](const Item& item) { return item.counts.queries; });
    place = static_cast<std::size_t>(rarest - items_.begin());
    inherited = rarest->counts.queries;
    places_.erase(rarest->key);
  }
  items_[place] = {key, {}};
  items_[place].counts.queries = inherited + 1;
  items_[place].counts.off_by = inherited;
  places_[key] = place;
  return items_[place].counts;
}

std::vector<SpaceSaving::Item> SpaceSaving::top(std::size_t limit) const {
  std::vector<Item> sorted = items_;
  std::ranges::stable_sort(sorted, std::greater<>(),
                           [](const Item& item) { return item.counts.queries; });
  if (sorted.size() > limit) sorted.resize(limit);
  return sorted;
}

/// What is kept of one query until it is counted.
struct Traffic::Record {
  Name name;
  Endpoint client;
  bool has_client = false;
  bool is_miss = false;
  bool is_nxdomain = false;
  bool is_slow = false;
  bool is_malformed = false;
};

/// Queries of some of the threads.
struct Traffic::Stripe {
  std::mutex mutex;
  std::vector<Record> records;
};

/// The sketches.
struct Traffic::Counted {
  SpaceSaving names{kept_names};
  SpaceSaving zones{kept_names};
  SpaceSaving clients{kept_clients};
  std::unordered_map<std::string, std::vector<std::uint16_t>> ports;  // the last ones of clients
  std::uint64_t queries = 0;
};

Traffic::Traffic() {
  for (std::size_t i = 0; i < stripe_count; ++i) stripes_.push_back(std::make_unique<Stripe>());
}

Traffic::~Traffic() {
  is_stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void Traffic::add(const LoggedQuery& query) {
  static std::atomic<std::size_t> threads{0};
  static thread_local const std::size_t turn = threads++ % stripe_count;
  Stripe& stripe = *stripes_[turn];
  const std::unique_lock lock(stripe.mutex, std::try_to_lock);
  if (!lock || stripe.records.size() >= stripe_size) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  Record& record = stripe.records.emplace_back();
  record.name = query.question.name;
  record.has_client = query.client.has_value();
  if (query.client) record.client = *query.client;
  record.is_nxdomain = query.rcode == Rcode::nx_domain;
  const bool is_late =
      std::strcmp(query.origin, "upstream") == 0 || std::strcmp(query.origin, "stale") == 0;
  record.is_miss = is_late;
  record.is_malformed = query.is_malformed;
  record.is_slow = query.took && *query.took > slow;
}

json Traffic::look(std::size_t limit) {
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  looked_at_ = now;
  if (!is_on()) start();
  json clients = as_json(counted_->clients.top(limit));
  for (json& client : clients) client["ports"] = counted_->ports[client["name"]];
  return {{"ok", true},
          {"schema", 1},
          {"seconds", std::chrono::duration<double>(now - begun_at_).count()},
          {"queries", counted_->queries},
          {"dropped", dropped_.load()},
          {"names", as_json(counted_->names.top(limit))},
          {"zones", as_json(counted_->zones.top(limit))},
          {"clients", clients}};
}

// A thread that ended by itself has let go of everything.
void Traffic::start() {
  if (thread_.joinable()) thread_.join();
  counted_ = std::make_unique<Counted>();
  begun_at_ = looked_at_;
  dropped_ = 0;
  is_on_ = true;
  thread_ = std::thread([this] { run(); });
}

void Traffic::run() {
  while (!is_stopping_) {
    std::this_thread::sleep_for(drain_interval);
    const std::lock_guard lock(mutex_);
    if (std::chrono::steady_clock::now() - looked_at_ > nobody_looks) {
      is_on_ = false;
      drain();
      break;
    }
    drain();
  }
}

void Traffic::drain() {
  std::vector<Record> taken;
  for (const auto& stripe : stripes_) {
    {
      const std::lock_guard lock(stripe->mutex);
      taken.swap(stripe->records);
    }
    for (const Record& record : taken) count(record);
    taken.clear();
  }
}

void Traffic::count(const Record& record) {
  ++counted_->queries;
  const auto add = [&](SpaceSaving& sketch, const std::string& key) {
    TrafficCounts& counts = sketch.count(key);
    counts.misses += record.is_miss;
    counts.nxdomain += record.is_nxdomain;
    counts.slow += record.is_slow;
  };
  add(counted_->names, record.is_malformed ? malformed : record.name.to_text());
  add(counted_->zones, record.is_malformed ? malformed : zone_of(record.name));
  if (!record.has_client) return;
  const auto client = record.client.address.to_text();
  add(counted_->clients, client);
  if (counted_->ports.size() > kept_clients) counted_->ports.clear();
  auto& ports = counted_->ports[client];
  std::erase(ports, record.client.port);
  ports.push_back(record.client.port);
  if (ports.size() > kept_ports) ports.erase(ports.begin());
}

}  // namespace dnscache
