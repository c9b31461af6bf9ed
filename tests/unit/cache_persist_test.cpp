#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <set>

#include "resolver/cache/persist.hpp"
#include "resolver/server/snapshots.hpp"
#include "resolver/wire/build.hpp"
#include "tests/support/cache.hpp"
#include "tests/support/process.hpp"

using namespace dnscache;

namespace {

constexpr std::uint64_t upstreams = 42;
constexpr Moment start{1'700'000'000, 5000};

Moment later(std::uint32_t seconds, CacheSeconds boot_offset = 0) {
  return {start.wall + seconds, start.cache + seconds + boot_offset};
}

Question question(const std::string& name) {
  Question out;
  out.name = *Name::parse(name);
  out.type = rr_type::a;
  return out;
}

void fill(Cache& cache, int count, CacheSeconds now = start.cache) {
  for (int i = 0; i < count; ++i) {
    Answer answer;
    const std::uint8_t address[] = {192, 0, static_cast<std::uint8_t>(i >> 8),
                                    static_cast<std::uint8_t>(i)};
    add_answer(answer, rr_type::a, 300, address);
    answer.ttl = 300;
    cache.store(question("name" + std::to_string(i) + ".example.com"), answer, now);
  }
}

std::string snapshot_of(const Cache& cache, const test::TempDir& directory) {
  const auto path = directory.path() / "snapshot";
  const auto written = write_snapshot(cache, path, upstreams, start, [] { return true; });
  REQUIRE(written);
  return test::read_text(path);
}

/// Loads bytes as a snapshot.
Result<std::uint64_t> load(const std::string& bytes, Cache& cache, Moment now = start,
                           std::uint64_t of = upstreams, const CacheConfig& config = {}) {
  const int file = ::memfd_create("snapshot", MFD_CLOEXEC);
  REQUIRE(::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  auto loaded = load_snapshot(file, "/s", of, config, now, cache);
  ::close(file);
  return loaded;
}

constexpr std::uint64_t one_mib = 1 << 20;

}  // namespace

TEST_CASE("a snapshot brings every answer back with its age") {
  const test::TempDir directory;
  Cache before(8 * one_mib);
  fill(before, 5000);
  const std::string bytes = snapshot_of(before, directory);
  Cache after(8 * one_mib);
  const Moment now = later(100, 777);  // another boot counts from another moment
  const auto loaded = load(bytes, after, now);
  REQUIRE(loaded);
  CHECK(*loaded == 5000);
  for (int i = 0; i < 5000; ++i) {
    const auto name = question("name" + std::to_string(i) + ".example.com");
    const auto was = before.find(name, start.cache);
    const auto is = after.find(name, now.cache);
    REQUIRE(is);
    CHECK(is->age == 100);
    CHECK(is->expired_for == 0);
    CHECK(is->answer.records == was->answer.records);
    CHECK(is->answer.ttl_offsets == was->answer.ttl_offsets);
  }
}

TEST_CASE("what expired meanwhile comes back as stale data, until it is too old") {
  const test::TempDir directory;
  Cache before(one_mib);
  fill(before, 3);
  const std::string bytes = snapshot_of(before, directory);
  Cache stale(one_mib);
  CHECK(*load(bytes, stale, later(400)) == 3);
  CHECK(stale.find(question("name1.example.com"), later(400).cache)->expired_for == 101);
  Cache old(one_mib);
  CHECK(*load(bytes, old, later(300 + 24 * 3600)) == 0);
  CacheConfig without_stale;
  without_stale.serve_stale.enabled = false;
  CHECK(*load(bytes, old, later(400), upstreams, without_stale) == 0);
}

TEST_CASE("when the clock was set back, everything counts as expired") {
  const test::TempDir directory;
  Cache before(one_mib);
  fill(before, 3);
  const std::string bytes = snapshot_of(before, directory);
  Cache after(one_mib);
  const Moment now{start.wall - 1, 10};
  CHECK(*load(bytes, after, now) == 3);
  CHECK(after.find(question("name1.example.com"), now.cache)->expired_for > 0);
}

TEST_CASE("a lower max_ttl counts for what was kept too") {
  const test::TempDir directory;
  Cache before(one_mib);
  fill(before, 1);
  CacheConfig config;
  config.max_ttl = std::chrono::seconds(60);
  Cache after(one_mib);
  CHECK(*load(snapshot_of(before, directory), after, later(70), upstreams, config) == 1);
  CHECK(after.find(question("name0.example.com"), later(70).cache)->expired_for == 11);
}

TEST_CASE("failures are not written") {
  const test::TempDir directory;
  Cache before(one_mib);
  Answer failed = failure(Rcode::server_failure);
  failed.ttl = 2;
  before.store(question("www.example.com"), failed, start.cache);
  Cache after(one_mib);
  CHECK(*load(snapshot_of(before, directory), after) == 0);
}

TEST_CASE("a snapshot of other upstreams is refused") {
  const test::TempDir directory;
  Cache before(one_mib);
  fill(before, 3);
  Cache after(one_mib);
  const auto loaded = load(snapshot_of(before, directory), after, start, upstreams + 1);
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().message ==
        "the snapshot /s holds the answers of other upstreams: starting with an empty cache");
  CHECK(after.stats().entries == 0);
}

TEST_CASE("a snapshot that is cut off anywhere is refused") {
  const test::TempDir directory;
  Cache before(one_mib);
  fill(before, 3);
  const std::string bytes = snapshot_of(before, directory);
  Cache after(one_mib);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    INFO(size);
    CHECK_FALSE(load(bytes.substr(0, size), after));
  }
  CHECK_FALSE(load(bytes + '\0', after));
  CHECK_FALSE(load(bytes + bytes, after));
  CHECK(after.stats().entries == 0);
  CHECK(load(bytes, after));
}

TEST_CASE("a snapshot with any bit turned is refused") {
  const test::TempDir directory;
  Cache before(one_mib);
  fill(before, 3);
  std::string bytes = snapshot_of(before, directory);
  Cache after(one_mib);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    INFO(bit);
    CHECK_FALSE(load(bytes, after));
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
  }
  CHECK(after.stats().entries == 0);
}

TEST_CASE("a file that others may write is refused, a missing one is an empty cache") {
  const test::TempDir directory;
  Cache cache(one_mib);
  fill(cache, 1);
  snapshot_of(cache, directory);
  const auto path = directory.path() / "snapshot";
  Cache after(one_mib);
  CHECK(*load_snapshot(path, upstreams, {}, start, after) == 1);
  std::filesystem::permissions(path, std::filesystem::perms(0622));
  CHECK_FALSE(load_snapshot(path, upstreams, {}, start, after));
  CHECK_FALSE(load_snapshot(directory.path(), upstreams, {}, start, after));
  CHECK(*load_snapshot(directory.path() / "none", upstreams, {}, start, after) == 0);
}

TEST_CASE("a snapshot that is no longer wanted leaves the old one") {
  const test::TempDir directory;
  Cache cache(one_mib);
  fill(cache, 2);
  const std::string first = snapshot_of(cache, directory);
  fill(cache, 100);
  const auto path = directory.path() / "snapshot";
  CHECK(*write_snapshot(cache, path, upstreams, start, [] { return false; }) == 0);
  CHECK(test::read_text(path) == first);
  CHECK_FALSE(std::filesystem::exists(path.string() + ".new"));
  CHECK_FALSE(write_snapshot(cache, directory.path() / "none" / "s", upstreams, start,
                             [] { return true; }));
}

TEST_CASE("the order of upstreams makes no other set, their protocol does") {
  const auto upstream = [](const char* text) {
    UpstreamConfig out;
    out.endpoint = *Endpoint::parse(text, 53);
    return out;
  };
  Config one, two;
  one.upstreams = {upstream("192.0.2.1"), upstream("192.0.2.2")};
  two.upstreams = {upstream("192.0.2.2"), upstream("192.0.2.1")};
  CHECK(upstream_set(one) == upstream_set(two));
  two.upstreams[0].protocol = Protocol::tls;
  CHECK(upstream_set(one) != upstream_set(two));
  two = one;
  two.routes.push_back({*Name::parse("corp.example"), {}});
  CHECK(upstream_set(one) != upstream_set(two));
}

TEST_CASE("other rules for upstreams' answers make another set") {
  Config one, two;
  CHECK(upstream_set(one) == upstream_set(two));
  SECTION("rebind protection") { two.rebind_protection.enabled = true; }
  SECTION("bogus addresses") { two.bogus_nxdomain = {*Network::parse("192.0.2.0/24")}; }
  SECTION("ignored addresses") { two.ignore_addresses = {*Network::parse("192.0.2.0/24")}; }
  CHECK(upstream_set(one) != upstream_set(two));
}

TEST_CASE("snapshots are written while the engine runs") {
  const test::TempDir directory;
  Config config;
  config.cache.persist = directory.path() / "snapshot";
  Cache cache(one_mib);
  fill(cache, 10, cache_clock());
  asio::io_context io;
  Snapshots snapshots(io, cache, config, std::chrono::milliseconds(1));
  snapshots.start();
  CHECK(test::eventually([&] {
    io.run_for(std::chrono::milliseconds(5));
    return std::filesystem::exists(config.cache.persist);
  }));
  Cache after(one_mib);
  CHECK(*load_snapshot(config.cache.persist, upstream_set(config), {}, moment_now(), after) == 10);
}

TEST_CASE("a walk meets every answer while the index grows") {
  Cache cache(2 * one_mib);
  fill(cache, 300);
  std::set<std::string> met;
  int other = 0;
  for (CachePosition position; cache.visit(position, 16, [&](const Entry& entry) {
         met.emplace(entry.name().begin(), entry.name().end());
       });) {
    for (int i = 0; i < 400 && other < 6000; ++i) {
      Answer answer;
      answer.ttl = 60;
      cache.store(question("x" + std::to_string(other++) + ".example"), answer, start.cache);
    }
  }
  CHECK(other == 6000);  // the index has begun with a few hundred slots
  REQUIRE(cache.stats().evictions == 0);
  for (int i = 0; i < 300; ++i) {
    const Name name = question("name" + std::to_string(i) + ".example.com").name;
    CHECK(met.contains({name.bytes().begin(), name.bytes().end()}));
  }
}

TEST_CASE("a walk meets every answer while others come and go") {
  Cache cache(4 * one_mib);
  fill(cache, 20000);
  std::size_t met = 0;
  int other = 0;
  for (CachePosition position; cache.visit(position, 64, [&](const Entry& entry) {
         const ByteView name = entry.name();
         if (name[1] == 'n') ++met;
       });) {
    Answer answer;
    answer.ttl = 60;
    const auto extra = question("x" + std::to_string(other++) + ".example");
    cache.store(extra, answer, start.cache);
    if (other % 2 == 0)
      test::flush_name(cache, question("x" + std::to_string(other / 2) + ".example").name);
    if (other > 40) break;  // flush_name() walks the whole cache itself
  }
  CHECK(met > 0);
  std::uint64_t flushed = 0;
  for (CachePosition position; cache.flush_some(
           position, 64, [](const Entry& entry) { return entry.name()[1] == 'n'; }, flushed);) {
  }
  CHECK(flushed == 20000);
}
