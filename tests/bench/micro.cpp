// What the steps of a hit, of storing an answer and of a snapshot cost each, without any socket.
#include <algorithm>
#include <array>
#include <atomic>
#include <benchmark/benchmark.h>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "dns_packet.hpp"
#include "resolver/cache/cache.hpp"
#include "resolver/cache/persist.hpp"
#include "resolver/local/local_data.hpp"
#include "resolver/wire/answer.hpp"
#include "resolver/wire/query.hpp"
#include "tests/support/process.hpp"

namespace {

using namespace dnscache;

constexpr CacheSeconds now = 1000;
constexpr std::size_t reply_limit = 1232;
using Packet = std::vector<std::uint8_t>;

Packet query_packet(unsigned number) {
  std::array<char, 40> name{};
  std::snprintf(name.data(), name.size(), "name-%06u.bench.example", number);
  return bench::make_query(name.data(), rr_type::a, true);
}

std::vector<Packet> query_packets(unsigned count, unsigned first = 0) {
  std::vector<Packet> packets;
  for (unsigned i = 0; i < count; ++i) packets.push_back(query_packet(first + i));
  return packets;
}

Query read(const Packet& packet) {
  Query query;
  if (read_query(packet, query) != QueryFault::none) std::abort();
  return query;
}

/// `records` addresses, as an upstream gives them.
Answer make_answer(unsigned records) {
  Answer answer;
  answer.has_data = true;
  answer.ttl = 86400;
  answer.answer_count = static_cast<std::uint16_t>(records);
  for (unsigned i = 0; i < records; ++i) {
    answer.ttl_offsets.push_back(static_cast<std::uint16_t>(answer.records.size() + 6));
    const std::array<std::uint8_t, 16> record = {
        0xc0, 12, 0, 1, 0, 1, 0, 1, 0x51, 0x80, 0, 4, 203, 0, 113, static_cast<std::uint8_t>(i)};
    answer.records.insert(answer.records.end(), record.begin(), record.end());
  }
  return answer;
}

void parse_query(benchmark::State& state) {
  const auto packet = query_packet(1);
  Query query;
  for (auto _ : state) {
    benchmark::DoNotOptimize(read_query(packet, query));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(parse_query);

void patch_reply(benchmark::State& state) {
  const auto packet = query_packet(1);
  const Query query = read(packet);
  const Answer answer = make_answer(static_cast<unsigned>(state.range(0)));
  const AnswerView view = answer.view();
  std::array<std::uint8_t, 4096> out{};
  for (auto _ : state) {
    benchmark::DoNotOptimize(write_reply(query, view, {5}, out.size(), out.data()));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(patch_reply)->Arg(1)->Arg(8)->Arg(60);

void read_upstream_response(benchmark::State& state) {
  const auto packet = query_packet(1);
  const Query query = read(packet);
  Packet sent(512);
  sent.resize(write_query(query.question, {77, {}, true, {}}, sent.data()));
  Packet response(512);
  Query as_sent = read(sent);
  response.resize(write_reply(as_sent, make_answer(1).view(), {}, 512, response.data()));
  Response result;
  for (auto _ : state) {
    if (read_response(response, sent, 60, result) != ResponseFault::none) {
      state.SkipWithError("the response was refused");
      break;
    }
  }
}
BENCHMARK(read_upstream_response);

void fill(Cache& cache, const std::vector<Packet>& packets) {
  const Answer answer = make_answer(1);
  for (const auto& packet : packets) cache.store(read(packet).question, answer, now);
}

/// Fills a cache with as many names as the benchmark's argument says, then asks for them.
void cache_hit(benchmark::State& state) {
  const auto packets = query_packets(static_cast<unsigned>(state.range(0)));
  Cache cache(128 << 20);
  fill(cache, packets);
  std::array<std::uint8_t, reply_limit> out{};
  Query query;
  std::size_t next = 0;
  for (auto _ : state) {
    read_query(packets[next], query);
    if (cache.reply(query, cache.prepare(query.question), now + 1, out.size(), out.data()).size ==
        0) {
      state.SkipWithError("a name was lost");
      break;
    }
    next = (next + 7919) % packets.size();
  }
}
BENCHMARK(cache_hit)->Arg(1000)->Arg(500'000);

/// Names of so many addresses, which come in another order each time.
void cache_hit_of_addresses(benchmark::State& state) {
  const auto packets = query_packets(1000);
  Cache cache(128 << 20);
  const Answer answer = make_answer(static_cast<unsigned>(state.range(0)));
  for (const auto& packet : packets) cache.store(read(packet).question, answer, now);
  std::array<std::uint8_t, reply_limit> out{};
  Query query;
  std::size_t next = 0;
  for (auto _ : state) {
    read_query(packets[next], query);
    benchmark::DoNotOptimize(
        cache.reply(query, cache.prepare(query.question), now + 1, out.size(), out.data()).size);
    next = (next + 7) % packets.size();
  }
}
BENCHMARK(cache_hit_of_addresses)->Arg(1)->Arg(4)->Arg(8);

void cache_miss(benchmark::State& state) {
  const auto packets = query_packets(1000);
  Cache cache(64 << 20);
  std::array<std::uint8_t, reply_limit> out{};
  Query query;
  std::size_t next = 0;
  for (auto _ : state) {
    read_query(packets[next], query);
    benchmark::DoNotOptimize(
        cache.reply(query, cache.prepare(query.question), now, out.size(), out.data()).size);
    next = (next + 1) % packets.size();
  }
}
BENCHMARK(cache_miss);

void store_again(benchmark::State& state) {
  Cache cache(64 << 20);
  const Question question = read(query_packet(1)).question;
  const Answer answer = make_answer(1);
  for (auto _ : state) cache.store(question, answer, now);
}
BENCHMARK(store_again);

/// New names into a cache that is full: every insertion evicts.
void store_and_evict(benchmark::State& state) {
  const auto packets = query_packets(200'000);
  Cache cache(4 << 20);
  const Answer answer = make_answer(1);
  std::vector<Question> questions;
  for (const auto& packet : packets) questions.push_back(read(packet).question);
  for (const auto& question : questions) cache.store(question, answer, now);
  std::size_t next = 0;
  for (auto _ : state) {
    cache.store(questions[next], answer, now);
    next = (next + 1) % questions.size();
  }
  state.counters["evicted"] = static_cast<double>(cache.stats().evictions);
}
BENCHMARK(store_and_evict);

/// Several threads that hit the same cache.
void cache_hit_shared(benchmark::State& state) {
  static std::unique_ptr<Cache> cache;
  static std::vector<Packet> packets;
  if (state.thread_index() == 0) {
    cache = std::make_unique<Cache>(64 << 20);
    packets = query_packets(1000);
    fill(*cache, packets);
  }
  std::array<std::uint8_t, reply_limit> out{};
  Query query;
  std::size_t next = static_cast<std::size_t>(state.thread_index()) * 500;
  for (auto _ : state) {
    read_query(packets[next], query);
    benchmark::DoNotOptimize(
        cache->reply(query, cache->prepare(query.question), now, out.size(), out.data()).size);
    next = (next + 1) % packets.size();
  }
}
BENCHMARK(cache_hit_shared)->Threads(1)->Threads(2)->UseRealTime();

constexpr std::uint64_t upstreams = 42;
constexpr Moment moment{1'700'000'000, now};

void write_snapshot_of(benchmark::State& state) {
  const test::TempDir directory;
  Cache cache(128 << 20);
  fill(cache, query_packets(static_cast<unsigned>(state.range(0))));
  for (auto _ : state) {
    const auto written = write_snapshot(cache, directory.path() / "snapshot", upstreams, moment,
                                        [] { return true; });
    if (!written) state.SkipWithError(written.error().message.c_str());
  }
}
BENCHMARK(write_snapshot_of)->Arg(100'000)->Unit(benchmark::kMillisecond);

/// Hits while another thread writes one snapshot after the other; with the argument 0 none is
/// written. max_us and p999_us tell whether a hit has to wait for a step of the writer.
void cache_hit_while_saving(benchmark::State& state) {
  const test::TempDir directory;
  const auto packets = query_packets(100'000);
  Cache cache(128 << 20);
  fill(cache, packets);
  std::atomic<bool> is_over = false;
  std::atomic<unsigned> written = 0;
  std::thread writer([&] {
    const auto path = directory.path() / "snapshot";
    while (state.range(0) != 0 && !is_over) {
      if (write_snapshot(cache, path, upstreams, moment, [] { return true; })) ++written;
    }
  });
  std::array<std::uint8_t, reply_limit> out{};
  Query query;
  std::size_t next = 0;
  std::vector<float> took;
  for (auto _ : state) {
    const auto begin = std::chrono::steady_clock::now();
    read_query(packets[next], query);
    benchmark::DoNotOptimize(
        cache.reply(query, cache.prepare(query.question), now + 1, out.size(), out.data()).size);
    took.push_back(
        std::chrono::duration<float, std::micro>(std::chrono::steady_clock::now() - begin).count());
    next = (next + 7919) % packets.size();
  }
  is_over = true;
  writer.join();
  std::ranges::sort(took);
  state.counters["p999_us"] = took[took.size() * 999 / 1000];
  state.counters["max_us"] = took.back();
  state.counters["written"] = static_cast<double>(written);
}
BENCHMARK(cache_hit_while_saving)->Arg(0)->Arg(1)->Iterations(1'000'000)->UseRealTime();

void load_snapshot_of(benchmark::State& state) {
  const test::TempDir directory;
  const auto path = directory.path() / "snapshot";
  {
    Cache cache(128 << 20);
    fill(cache, query_packets(static_cast<unsigned>(state.range(0))));
    if (!write_snapshot(cache, path, upstreams, moment, [] { return true; })) std::abort();
  }
  for (auto _ : state) {
    state.PauseTiming();
    auto cache = std::make_unique<Cache>(128 << 20);
    state.ResumeTiming();
    const auto loaded = load_snapshot(path, upstreams, {}, moment, *cache);
    state.PauseTiming();
    if (!loaded || *loaded != static_cast<std::uint64_t>(state.range(0))) {
      state.SkipWithError("answers were lost");
    }
    cache.reset();
    state.ResumeTiming();
  }
}
BENCHMARK(load_snapshot_of)->Arg(100'000)->Unit(benchmark::kMillisecond);
/// Local data that blocks as many names as the benchmark's argument says, as long as those in lists
/// that people use: 20 characters in the mean.
const LocalData& blocking_data(std::size_t names) {
  static std::map<std::size_t, std::unique_ptr<LocalData>> all;
  auto& local_data = all[names];
  if (local_data) return *local_data;
  Config config;
  config.domain_needed = true;
  config.bogus_priv = BogusPriv::always;
  local_data = std::make_unique<LocalData>(config);
  local_data->add_host(IpAddress::v4(127, 0, 0, 1), *Name::parse("this-host"), true);
  for (std::size_t i = 0; i < names; ++i) {
    local_data->add_blocked(*Name::parse("ad" + std::to_string(i) + ".tracker.com"), true);
  }
  local_data->finish();
  return *local_data;
}

/// What the local data says about names that are not blocked: the price of every miss.
void policy_lookup(benchmark::State& state) {
  const LocalData& local_data = blocking_data(static_cast<std::size_t>(state.range(0)));
  std::vector<Question> questions;
  for (const auto& packet : query_packets(4096)) questions.push_back(read(packet).question);
  std::size_t next = 0;
  for (auto _ : state) {
    if (local_data.decide(questions[next])) {
      state.SkipWithError("a name is blocked that is on no list");
      break;
    }
    next = (next + 1) % questions.size();
  }
  const auto names = static_cast<double>(std::max<std::size_t>(local_data.blocked_count(), 1));
  state.counters["bytes/name"] = static_cast<double>(local_data.blocked_bytes()) / names;
}
BENCHMARK(policy_lookup)->Arg(0)->Arg(1000)->Arg(1'000'000);

/// The table of names alone, without what else the local data looks at.
void name_table_lookup(benchmark::State& state) {
  NameTable<std::uint8_t> table;
  for (int i = 0; i < state.range(0); ++i) {
    table.put(Name::parse("ad" + std::to_string(i) + ".tracker.com")->bytes(), 1);
  }
  table.shrink();
  std::vector<Question> questions;
  for (const auto& packet : query_packets(4096)) questions.push_back(read(packet).question);
  std::size_t next = 0;
  for (auto _ : state) {
    const Suffixes name(questions[next].name.bytes());
    benchmark::DoNotOptimize(table.longest(name, [](std::uint8_t, unsigned) { return true; }));
    next = (next + 1) % questions.size();
  }
}
BENCHMARK(name_table_lookup)->Arg(1000)->Arg(1'000'000);

/// Names below listed ones, each time another: their answer is made as well.
void policy_blocks(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const LocalData& local_data = blocking_data(count);
  std::vector<Question> questions;
  for (std::size_t i = 0; i < 100'000; ++i) {
    const std::string name = "www.ad" + std::to_string(i * 7919 % count) + ".tracker.com";
    questions.push_back({*Name::parse(name), rr_type::a});
  }
  std::size_t next = 0;
  for (auto _ : state) {
    if (!local_data.decide(questions[next])) {
      state.SkipWithError("a name is not blocked");
      break;
    }
    next = (next + 1) % questions.size();
  }
}
BENCHMARK(policy_blocks)->Arg(1'000'000);

}  // namespace

BENCHMARK_MAIN();
