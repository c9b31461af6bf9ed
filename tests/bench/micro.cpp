// What the steps of a hit, of storing an answer and of a snapshot cost each, without any socket.
#include <algorithm>
#include <array>
#include <atomic>
#include <benchmark/benchmark.h>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "dns_packet.hpp"
#include "resolver/cache/cache.hpp"
#include "resolver/cache/persist.hpp"
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
  std::array<std::uint8_t, 4096> out{};
  for (auto _ : state) {
    benchmark::DoNotOptimize(write_reply(query, answer.view(), {5, {}}, out.size(), out.data()));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(patch_reply)->Arg(1)->Arg(8)->Arg(60);

void read_upstream_response(benchmark::State& state) {
  const auto packet = query_packet(1);
  const Query query = read(packet);
  Packet sent(512);
  sent.resize(write_query(query.question, query.question.name.bytes(), 77, true, {}, sent.data()));
  Packet response(512);
  Query as_sent = read(sent);
  response.resize(write_reply(as_sent, make_answer(1).view(), {0, {}}, 512, response.data()));
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
    if (cache.reply(query, now + 1, out.size(), out.data()).size == 0) {
      state.SkipWithError("a name was lost");
      break;
    }
    next = (next + 7919) % packets.size();
  }
}
BENCHMARK(cache_hit)->Arg(1000)->Arg(500'000);

void cache_miss(benchmark::State& state) {
  const auto packets = query_packets(1000);
  Cache cache(64 << 20);
  std::array<std::uint8_t, reply_limit> out{};
  Query query;
  std::size_t next = 0;
  for (auto _ : state) {
    read_query(packets[next], query);
    benchmark::DoNotOptimize(cache.reply(query, now, out.size(), out.data()).size);
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
    benchmark::DoNotOptimize(cache->reply(query, now, out.size(), out.data()).size);
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
    benchmark::DoNotOptimize(cache.reply(query, now + 1, out.size(), out.data()).size);
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

}  // namespace

BENCHMARK_MAIN();
