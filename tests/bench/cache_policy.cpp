// The hit ratio of our cache beside plain LRU, SIEVE and S3-FIFO, on a generated trace: names asked
// for by Zipf's law, with scans of names that are asked for once and never again in between, and a
// cache that holds a tenth of the names. Prints one line of JSON.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <iostream>
#include <list>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dns_packet.hpp"
#include "resolver/cache/cache.hpp"

namespace {

/// What the trace looks like.
struct TraceOptions {
  std::uint32_t names = 200'000;
  std::uint32_t requests = 4'000'000;
  double zipf = 0.9;
  std::uint32_t scan_every = 100'000;  ///< requests between two scans
  std::uint32_t scan_length = 25'000;  ///< names in one scan
  std::uint32_t seed = 1;
};

std::vector<std::uint32_t> make_trace(const TraceOptions& options) {
  std::mt19937 random(options.seed);
  std::vector<double> cumulative(options.names);
  double sum = 0;
  for (std::uint32_t rank = 0; rank < options.names; ++rank) {
    sum += 1 / std::pow(rank + 1.0, options.zipf);
    cumulative[rank] = sum;
  }
  // Names are numbered at random, so that a number says nothing about how often it is asked for.
  std::vector<std::uint32_t> numbers(options.names);
  for (std::uint32_t i = 0; i < options.names; ++i) numbers[i] = i;
  std::shuffle(numbers.begin(), numbers.end(), random);

  std::uniform_real_distribution<> any(0, sum);
  std::vector<std::uint32_t> trace;
  trace.reserve(options.requests);
  std::uint32_t next_scanned = options.names;
  while (trace.size() < options.requests) {
    for (std::uint32_t i = 0; i < options.scan_every; ++i) {
      const auto at = std::lower_bound(cumulative.begin(), cumulative.end(), any(random));
      trace.push_back(numbers[static_cast<std::size_t>(at - cumulative.begin())]);
    }
    for (std::uint32_t i = 0; i < options.scan_length; ++i) trace.push_back(next_scanned++);
  }
  trace.resize(options.requests);
  return trace;
}

/// Least recently used goes first.
class Lru {
 public:
  explicit Lru(std::size_t capacity) : capacity_(capacity) {}

  bool ask(std::uint32_t name) {
    if (const auto found = places_.find(name); found != places_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      return true;
    }
    if (places_.size() == capacity_) {
      places_.erase(order_.back());
      order_.pop_back();
    }
    order_.push_front(name);
    places_[name] = order_.begin();
    return false;
  }

 private:
  std::size_t capacity_;
  std::list<std::uint32_t> order_;
  std::unordered_map<std::uint32_t, std::list<std::uint32_t>::iterator> places_;
};

/// SIEVE (Zhang et al., NSDI 2024): a queue with a hand that spares what was visited.
class Sieve {
 public:
  explicit Sieve(std::size_t capacity) : capacity_(capacity), hand_(order_.end()) {}

  bool ask(std::uint32_t name) {
    if (const auto found = places_.find(name); found != places_.end()) {
      found->second->visited = true;
      return true;
    }
    if (places_.size() == capacity_) evict();
    order_.push_front({name, false});
    places_[name] = order_.begin();
    return false;
  }

 private:
  struct Node {
    std::uint32_t name;
    bool visited;
  };

  void evict() {
    auto at = hand_ == order_.end() ? std::prev(order_.end()) : hand_;
    while (at->visited) {
      at->visited = false;
      at = at == order_.begin() ? std::prev(order_.end()) : std::prev(at);
    }
    places_.erase(at->name);
    hand_ = at == order_.begin() ? order_.end() : std::prev(at);
    order_.erase(at);
  }

  std::size_t capacity_;
  std::list<Node> order_;
  std::list<Node>::iterator hand_;
  std::unordered_map<std::uint32_t, std::list<Node>::iterator> places_;
};

/// S3-FIFO (Yang et al., SOSP 2023), algorithm 1 of the paper with a small queue of a tenth.
class S3Fifo {
 public:
  explicit S3Fifo(std::size_t capacity)
      : small_capacity_(capacity / 10), main_capacity_(capacity - capacity / 10) {}

  bool ask(std::uint32_t name) {
    if (const auto found = visits_.find(name); found != visits_.end()) {
      found->second = std::min(found->second + 1, 3);
      return true;
    }
    while (small_.size() + main_.size() >= small_capacity_ + main_capacity_) evict();
    if (ghosts_.erase(name) > 0)
      main_.push_back(name);
    else
      small_.push_back(name);
    visits_[name] = 0;
    return false;
  }

 private:
  void evict() {
    if (small_.size() >= small_capacity_)
      evict_small();
    else
      evict_main();
  }

  void evict_small() {
    while (!small_.empty()) {
      const std::uint32_t name = small_.front();
      small_.pop_front();
      if (visits_[name] > 1) {
        visits_[name] = 0;
        main_.push_back(name);
        if (main_.size() > main_capacity_) return evict_main();
        continue;
      }
      visits_.erase(name);
      remember(name);
      return;
    }
  }

  void evict_main() {
    while (!main_.empty()) {
      const std::uint32_t name = main_.front();
      main_.pop_front();
      auto& visits = visits_[name];
      if (visits == 0) {
        visits_.erase(name);
        return;
      }
      --visits;
      main_.push_back(name);
    }
  }

  void remember(std::uint32_t name) {
    ghosts_.insert(name);
    ghost_order_.push_back(name);
    if (ghost_order_.size() > main_capacity_) {
      ghosts_.erase(ghost_order_.front());
      ghost_order_.pop_front();
    }
  }

  std::size_t small_capacity_;
  std::size_t main_capacity_;
  std::deque<std::uint32_t> small_;
  std::deque<std::uint32_t> main_;
  std::unordered_map<std::uint32_t, int> visits_;
  std::deque<std::uint32_t> ghost_order_;
  std::unordered_set<std::uint32_t> ghosts_;
};

/// Our own cache, asked with real packets and given real answers.
class Ours {
 public:
  explicit Ours(std::uint64_t size_bytes) : cache_(size_bytes), answer_(make_answer()) {}

  bool ask(std::uint32_t name) {
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "name-%07u.bench.example", name);
    const auto packet = dnscache::bench::make_query(text.data(), dnscache::rr_type::a, false);
    dnscache::Query query;
    if (dnscache::read_query(packet, query) != dnscache::QueryFault::none) std::abort();
    std::array<std::uint8_t, 512> reply{};
    if (cache_.reply(query, cache_.prepare(query.question), now, reply.size(), reply.data()).size >
        0)
      return true;
    cache_.store(query.question, answer_, now);
    return false;
  }

  [[nodiscard]] dnscache::CacheStats stats() const { return cache_.stats(); }

 private:
  static constexpr dnscache::CacheSeconds now = 1000;

  static dnscache::Answer make_answer() {
    dnscache::Answer answer;
    answer.answer_count = 1;
    answer.has_data = true;
    answer.records = {0xc0, 12, 0, 1, 0, 1, 0, 1, 0x51, 0x80, 0, 4, 203, 0, 113, 1};
    answer.ttl_offsets = {6};
    answer.ttl = 86400;
    return answer;
  }

  dnscache::Cache cache_;
  dnscache::Answer answer_;
};

template <class Policy>
double hit_ratio(Policy& policy, const std::vector<std::uint32_t>& trace) {
  std::uint64_t hits = 0;
  for (const std::uint32_t name : trace) hits += policy.ask(name) ? 1 : 0;
  return static_cast<double>(hits) / static_cast<double>(trace.size());
}

/// The size in bytes at which our cache holds at most `entries` of the trace's names when full.
std::uint64_t size_for(std::uint64_t entries) {
  std::uint64_t size = entries * 110;
  for (int round = 0; round < 8; ++round) {
    Ours cache(size);
    for (std::uint32_t name = 0; name < entries * 3; ++name) cache.ask(name);
    const std::uint64_t held = cache.stats().entries;
    if (held <= entries && held + entries / 200 >= entries) break;
    size = static_cast<std::uint64_t>(static_cast<double>(size) * static_cast<double>(entries) /
                                      static_cast<double>(held) * 0.999);
  }
  return size;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("hit ratios of cache policies on a Zipf trace with scans");
  TraceOptions options;
  app.add_option("--names", options.names)->check(CLI::Range(1000, 5'000'000));
  app.add_option("--requests", options.requests);
  app.add_option("--zipf", options.zipf);
  app.add_option("--scan-every", options.scan_every);
  app.add_option("--scan-length", options.scan_length);
  app.add_option("--seed", options.seed);
  CLI11_PARSE(app, argc, argv);

  const auto trace = make_trace(options);
  const std::size_t capacity = options.names / 10;
  Lru lru(capacity);
  Sieve sieve(capacity);
  S3Fifo s3_fifo(capacity);
  Ours ours(size_for(capacity));
  const double lru_ratio = hit_ratio(lru, trace);
  const double sieve_ratio = hit_ratio(sieve, trace);
  const double s3_fifo_ratio = hit_ratio(s3_fifo, trace);
  const double ours_ratio = hit_ratio(ours, trace);
  const auto percent = [](double ratio) { return std::round(ratio * 10000) / 100; };
  const nlohmann::json result = {
      {"lru", percent(lru_ratio)},
      {"sieve", percent(sieve_ratio)},
      {"s3_fifo", percent(s3_fifo_ratio)},
      {"ours", percent(ours_ratio)},
      {"gain_over_lru", percent(ours_ratio - lru_ratio)},
      {"of_best_percent", percent(ours_ratio / std::max(sieve_ratio, s3_fifo_ratio))},
      {"entries", ours.stats().entries},
      {"capacity", capacity}};
  std::cout << result.dump() << '\n';
}
