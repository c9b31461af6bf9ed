#include "resolver/cache/cache.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <thread>

#include "resolver/wire/build.hpp"
#include "tests/support/cache.hpp"
#include "tests/support/message.hpp"
#include "tests/support/random.hpp"

namespace dnscache {
namespace {

constexpr HashKey fixed_key{0x0123456789abcdef, 0xfedcba9876543210};
constexpr CacheSeconds start = 1000;

Question question_of(unsigned number, std::string_view zone = "example.com") {
  return {*Name::parse("host-" + std::to_string(number) + "." + std::string(zone)), rr_type::a};
}

Answer address_answer(std::uint32_t address, std::uint32_t ttl = 3600) {
  Answer answer;
  std::array<std::uint8_t, 4> data;
  store32(data.data(), address);
  add_answer(answer, rr_type::a, ttl, data);
  answer.ttl = ttl;
  return answer;
}

// An answer whose record data has `size` bytes, all of the value `fill`.
Answer big_answer(std::size_t size, std::uint8_t fill) {
  Answer answer;
  add_answer(answer, rr_type::txt, 3600, std::vector<std::uint8_t>(size, fill));
  answer.ttl = 3600;
  return answer;
}

Query query_for(const Question& question, test::Bytes& packet) {
  packet = test::encode({question.name.to_text(), question.type});
  Query query;
  REQUIRE(read_query(packet, query) == QueryFault::none);
  return query;
}

test::Message decoded_reply(Cache& cache, const Question& question, CacheSeconds now) {
  test::Bytes packet, out(max_message_size);
  const Query query = query_for(question, packet);
  out.resize(cache.reply(query, cache.prepare(query.question), now, out.size(), out.data()).size);
  return test::decode(out).value_or(test::Message{});
}

// All bytes of the record data of a big_answer() are the same.
bool is_whole(const Entry& entry) {
  const ByteView data = entry.records().subspan(12);
  return std::ranges::all_of(data, [&](std::uint8_t byte) { return byte == data.back(); });
}

bool holds(Cache& cache, const Question& question, CacheSeconds now = start) {
  const auto found = cache.find(question, now);
  return found && found->expired_for == 0;
}

}  // namespace

TEST_CASE("an answer comes back with its TTLs counted down until it expires") {
  Cache cache(1 << 20);
  const Question question = question_of(1);
  cache.store(question, address_answer(0xc6336401, 100), start);
  CHECK(decoded_reply(cache, question, start).answers.at(0).ttl == 100);
  const auto later = decoded_reply(cache, question, start + 99);
  CHECK(later.answers.at(0).ttl == 1);
  CHECK(later.answers.at(0).text == "198.51.100.1");
  CHECK(decoded_reply(cache, question, start + 100).size == 0);
  CHECK(cache.find(question, start + 99)->expired_for == 0);
  CHECK(cache.find(question, start + 100)->expired_for == 1);
  CHECK(cache.find(question, start + 100)->age == 100);
}

TEST_CASE("an answer is fresh for a thread whose clock reads a second less") {
  Cache cache(1 << 20);
  cache.store(question_of(1), address_answer(1, 100), start);
  CHECK(decoded_reply(cache, question_of(1), start - 1).answers.at(0).ttl == 100);
  CHECK(cache.find(question_of(1), start - 1)->expired_for == 0);
}

TEST_CASE("type, DO and CD are part of the key, the letter case is not") {
  Cache cache(1 << 20);
  Question question{*Name::parse("www.example.com"), rr_type::a};
  cache.store(question, address_answer(1), start);
  CHECK(holds(cache, {*Name::parse("WWW.eXample.com"), rr_type::a}));
  CHECK_FALSE(holds(cache, {question.name, rr_type::aaaa}));
  CHECK_FALSE(holds(cache, {question.name, rr_type::a, true, false}));
  CHECK_FALSE(holds(cache, {question.name, rr_type::a, false, true}));
  CHECK_FALSE(holds(cache, {*Name::parse("ww.wexample.com"), rr_type::a}));
}

TEST_CASE("a response code above 255 stays what it was") {
  Cache cache(1 << 20);
  Answer failed(static_cast<Rcode>(0x100));
  failed.ttl = 2;
  cache.store(question_of(1), failed, start);
  CHECK(cache.find(question_of(1), start)->answer.rcode == static_cast<Rcode>(0x100));
}

TEST_CASE("what may not be kept is not kept") {
  Cache cache(1 << 20);
  cache.store(question_of(1), address_answer(1, 0), start);
  CHECK(cache.stats().entries == 0);
}

TEST_CASE("an answer that may not be kept ends the older one, as stale data too") {
  Cache cache(1 << 20);
  cache.store(question_of(1), address_answer(1, 100), start);
  cache.store(question_of(2), address_answer(2, 100), start);
  cache.store(question_of(1), address_answer(3, 0), start + 200);
  CHECK_FALSE(cache.find(question_of(1), start + 200));
  CHECK(cache.find(question_of(2), start + 200));
  CHECK(cache.stats().entries == 1);
}

TEST_CASE("an entry says which upstream it came from, when that is known") {
  Cache cache(1 << 20);
  Answer answer = address_answer(1);
  cache.store(question_of(1), answer, start);
  answer.source = 7;
  cache.store(question_of(2), answer, start);
  CHECK(cache.find(question_of(1), start)->answer.source == Answer::unknown_source);
  CHECK(cache.find(question_of(2), start)->answer.source == 7);
}

TEST_CASE("a cache of hardly any bytes works as one of the smallest size") {
  for (const std::uint64_t size : {0u, 1u, 57u, 100u, 463u, 464u, 1000u, 4096u, 5000u}) {
    INFO(size);
    Cache cache(size, fixed_key);
    CHECK(cache.stats().size_bytes == std::max<std::uint64_t>(size, 4096));
    for (unsigned i = 0; i < 2000; ++i) {
      cache.store(question_of(i), address_answer(i), start);
      REQUIRE(holds(cache, question_of(i)));
      REQUIRE(cache.stats().bytes <= cache.stats().size_bytes);
    }
    CHECK(cache.stats().entries > 10);
    CHECK(cache.flush_all() > 10);
  }
}

TEST_CASE("what is left of evicted answers counts as memory in use") {
  Cache cache(1 << 20, fixed_key);
  for (unsigned i = 0; i < 50'000; ++i) cache.store(question_of(i), address_answer(i), start);
  const CacheStats full = cache.stats();
  REQUIRE(full.evictions > 30'000);
  CHECK(full.bytes > full.size_bytes * 9 / 10);
  CHECK(full.bytes <= full.size_bytes);
  cache.flush_all();
  CHECK(cache.stats().bytes == 0);
}

TEST_CASE("a newer answer takes the place of the older, of the same size or another") {
  Cache cache(1 << 20, fixed_key);
  const Question question = question_of(1);
  cache.store(question, address_answer(1), start);
  cache.store(question, address_answer(2), start + 5);
  CHECK(cache.find(question, start + 5)->age == 0);
  CHECK(cache.find(question, start)->answer.records == address_answer(2).records);
  cache.store(question, big_answer(4000, 7), start);
  CHECK(cache.find(question, start)->answer.records == big_answer(4000, 7).records);
  cache.store(question, address_answer(3), start);
  CHECK(cache.find(question, start)->answer.records == address_answer(3).records);
  CHECK(cache.stats().entries == 1);
  CHECK(cache.flush_all() == 1);
}

TEST_CASE("hits are counted, and a refresh is asked for once in the last tenth of the lifetime") {
  Cache cache(1 << 20);
  test::Bytes packet;
  std::array<std::uint8_t, 512> out;
  const Query query = query_for(question_of(1), packet);
  cache.store(question_of(1), address_answer(1, 100), start);
  CHECK_FALSE(cache.reply(query, cache.prepare(query.question), start + 89, out.size(), out.data())
                  .refresh);
  CHECK(cache.reply(query, cache.prepare(query.question), start + 90, out.size(), out.data())
            .refresh);
  CHECK_FALSE(cache.reply(query, cache.prepare(query.question), start + 91, out.size(), out.data())
                  .refresh);
  CHECK(cache.find(question_of(1), start)->hits == 3);
}

TEST_CASE("flush by name, by zone and of everything removes exactly that") {
  Cache cache(8 << 20);
  for (unsigned i = 0; i < 100; ++i) {
    cache.store(question_of(i), address_answer(i), start);
    cache.store(question_of(i, "example.org"), address_answer(i), start);
  }
  cache.store({*Name::parse("notexample.org"), rr_type::a}, address_answer(1), start);
  CHECK(test::flush_name(cache, question_of(5).name) == 1);
  CHECK_FALSE(holds(cache, question_of(5)));
  CHECK(holds(cache, question_of(5, "example.org")));
  CHECK(test::flush_zone(cache, *Name::parse("example.org")) == 100);
  CHECK(holds(cache, question_of(6)));
  CHECK(holds(cache, {*Name::parse("notexample.org"), rr_type::a}));
  CHECK(cache.stats().entries == 100);
  CHECK(cache.flush_all() == 100);
  CHECK(cache.stats().entries == 0);
  CHECK(cache.stats().bytes == 0);
  cache.store(question_of(7), address_answer(7), start);
  CHECK(holds(cache, question_of(7)));
}

TEST_CASE("500,000 names fit into 64 MiB without a loss") {
  Cache cache(64 << 20);
  constexpr unsigned count = 500000;
  for (unsigned i = 0; i < count; ++i) cache.store(question_of(i), address_answer(i), start);
  CHECK(cache.stats().entries == count);
  CHECK(cache.stats().evictions == 0);
  CHECK(cache.stats().bytes <= count * std::uint64_t{110});
  unsigned lost = 0;
  for (unsigned i = 0; i < count; ++i) {
    const auto found = cache.find(question_of(i), start);
    if (!found || load32(&found->answer.records[12]) != i) ++lost;
  }
  CHECK(lost == 0);
}

TEST_CASE("a scan of names that nobody repeats does not push out what is in use") {
  Cache cache(1 << 20, fixed_key);
  constexpr unsigned hot = 500;
  test::Bytes packet;
  std::array<std::uint8_t, 512> out;
  unsigned lost = 0;
  for (unsigned i = 0; i < hot; ++i) cache.store(question_of(i), address_answer(i), start);
  for (unsigned i = 0; i < 100000; ++i) {
    cache.store(question_of(i, "scan.example"), address_answer(i), start);
    const Question used = question_of(i % hot);
    const Query query = query_for(used, packet);
    const std::uint64_t hash = cache.prepare(query.question);
    if (cache.reply(query, hash, start, out.size(), out.data()).size != 0) continue;
    ++lost;
    cache.store(used, address_answer(i % hot), start);
  }
  CHECK(lost == 0);
  CHECK(cache.stats().evictions > 80000);
}

TEST_CASE("the memory stays within its bound, whatever sizes come") {
  const std::uint64_t size = GENERATE(64u << 10, 1u << 20, 5u << 20);
  Cache cache(size, fixed_key);
  test::Random random(4711);
  for (unsigned i = 0; i < 20000; ++i) {
    const std::size_t length = random() % 50 == 0 ? random() % 60000 : random() % 300;
    cache.store(question_of(random() % 5000), big_answer(length, 1), start);
    if (i % 100 == 0) CHECK(cache.stats().bytes <= size);
  }
  CHECK(cache.stats().bytes <= size);
  CHECK(cache.stats().bytes > size / 2);
}

TEST_CASE("answers of 60 kB come back whole") {
  Cache cache(8 << 20);
  for (unsigned i = 0; i < 40; ++i) {
    cache.store(question_of(i), big_answer(60000, static_cast<std::uint8_t>(i)), start);
    const auto found = cache.find(question_of(i), start);
    REQUIRE(found);
    CHECK(found->answer.records == big_answer(60000, static_cast<std::uint8_t>(i)).records);
    const auto reply = decoded_reply(cache, question_of(i), start);
    REQUIRE(reply.answers.size() == 1);
    CHECK(reply.answers[0].rdata == test::Bytes(60000, static_cast<std::uint8_t>(i)));
  }
}

TEST_CASE("the cache agrees with a map under random stores, flushes and lookups") {
  const std::uint64_t size = GENERATE(96u << 10, 1u << 20, 16u << 20);
  Cache cache(size, fixed_key);
  std::map<unsigned, std::vector<std::uint8_t>> model;  // what was stored last
  test::Random random(20260101);
  unsigned found_count = 0;
  for (unsigned i = 0; i < 30000; ++i) {
    const unsigned number = random() % 2000;
    switch (random() % 100) {
      case 0:
        CHECK(test::flush_name(cache, question_of(number).name) <= 1);
        model.erase(number);
        break;
      case 1:
        if (random() % 20 != 0) break;
        CHECK(cache.flush_all() <= model.size());
        model.clear();
        break;
      default:
        if (random() % 2 == 0) {
          const std::size_t length = random() % 40 == 0 ? random() % 20000 : random() % 200;
          const Answer answer = big_answer(length, static_cast<std::uint8_t>(random()));
          cache.store(question_of(number), answer, start);
          // What is too big for the cache leaves the older answer in place.
          const auto kept = cache.find(question_of(number), start);
          if (kept) model[number] = kept->answer.records;
          if (kept && kept->answer.records == answer.records) break;
          REQUIRE(length > 1000);
          break;
        }
        const auto found = cache.find(question_of(number), start);
        if (!found) {
          CHECK((model.count(number) == 0 || cache.stats().evictions > 0));
          break;
        }
        ++found_count;
        REQUIRE(model.count(number) == 1);
        REQUIRE(found->answer.records == model[number]);
    }
  }
  CHECK(found_count > 1000);
  std::uint64_t visited = 0;
  CachePosition position;
  while (cache.visit(position, 1000, [&](const Entry&) { ++visited; })) {
  }
  CHECK(visited == cache.stats().entries);
  CHECK(cache.flush_all() == visited);
}

TEST_CASE("hits, stores, evictions, walks and flushes at once see only whole answers") {
  Cache cache(256 << 10);  // small: evictions go on all the time
  std::atomic<bool> stop{false};
  std::atomic<unsigned> wrong{0}, hits{0};
  const auto use = [&](unsigned seed) {
    test::Random random(seed);
    test::Bytes packet;
    std::array<std::uint8_t, 512> out;
    for (unsigned i = 0; i < 20000; ++i) {
      const unsigned number = random() % 3000;
      if (i % 2 == 0) {
        const auto fill = static_cast<std::uint8_t>(number);
        cache.store(question_of(number), big_answer(random() % 300 + 1, fill), start);
      } else if (i % 4 == 1) {
        packet = test::encode({question_of(number).name.to_text(), rr_type::a});
        Query query;
        if (read_query(packet, query) != QueryFault::none) ++wrong;
        const std::size_t size =
            cache.reply(query, cache.prepare(query.question), start, out.size(), out.data()).size;
        if (size != 0 && out[size - 1] != static_cast<std::uint8_t>(number)) ++wrong;
        if (size != 0) ++hits;
      } else if (const auto found = cache.find(question_of(number), start)) {
        if (found->answer.records.back() != static_cast<std::uint8_t>(number)) ++wrong;
      }
    }
  };
  std::thread flusher([&] {
    for (unsigned i = 0; !stop; ++i) {
      if (i % 50 == 0) cache.flush_all();
      if (i % 3 == 1) test::flush_zone(cache, *Name::parse("com"));
      if (i % 3 == 2) test::flush_name(cache, question_of(i % 3000).name);
      cache.stats();
      for (CachePosition position; cache.visit(position, 256, [&](const Entry& entry) {
             if (!is_whole(entry)) ++wrong;
           });) {
      }
      std::this_thread::yield();
    }
  });
  std::vector<std::thread> users;
  for (unsigned seed = 1; seed <= 3; ++seed) users.emplace_back(use, seed);
  for (std::thread& user : users) user.join();
  stop = true;
  flusher.join();
  CHECK(wrong == 0);
  CHECK(hits > 0);
  CHECK(cache.stats().evictions > 0);
  CHECK(cache.stats().bytes <= 256 << 10);
}

namespace {

Answer denial(bool is_proven = false) {
  Answer answer(Rcode::nx_domain);
  add_local_soa(answer, *Name::parse("example"), 60);
  answer.ttl = 60;
  answer.authentic = is_proven;
  return answer;
}

Question about(const char* name, std::uint16_t type = rr_type::a) {
  return {*Name::parse(name), type};
}

void cut(Cache& cache, NxdomainCut when, DnssecMode mode = DnssecMode::passthrough) {
  Config config;
  config.cache.nxdomain_cut = when;
  config.dnssec.mode = mode;
  cache.configure(config);
}

}  // namespace

TEST_CASE("a denial is found under every type, is listed once, and goes with a flush of its name") {
  const std::uint16_t type = GENERATE(rr_type::a, rr_type::txt);
  Cache cache(1 << 20);
  cache.store(about("none.example", type), denial(), start);
  for (const std::uint16_t other : {rr_type::aaaa, rr_type::mx, rr_type::a}) {
    if (other == type) continue;
    const auto found = cache.find_nxdomain(about("none.example", other), start + 10);
    REQUIRE(found);
    CHECK(found->answer.rcode == Rcode::nx_domain);
    CHECK(found->age == 10);
    CHECK_FALSE(cache.find_nxdomain(about("none.example", other), start + 60));
  }
  CHECK_FALSE(cache.find_nxdomain(about("other.example", rr_type::aaaa), start));
  unsigned visited = 0;
  CachePosition position;
  while (cache.visit(position, 64, [&](const Entry& entry) {
    CHECK(entry.type == type);
    ++visited;
  })) {
  }
  CHECK(visited == 1);
  CHECK(test::flush_name(cache, about("none.example").name) == 1);
  CHECK_FALSE(cache.find_nxdomain(about("none.example", rr_type::aaaa), start));
  CHECK(cache.stats().entries == 0);
}

TEST_CASE("a name with an answer of another type is not denied as a whole") {
  Cache cache(1 << 20);
  const bool is_denied_first = GENERATE(false, true);
  const std::uint16_t denied = GENERATE(rr_type::a, rr_type::aaaa);
  const std::uint16_t known = denied == rr_type::a ? rr_type::aaaa : rr_type::a;
  if (is_denied_first) cache.store(about("odd.example", denied), denial(), start);
  cache.store(about("odd.example", known), address_answer(1, 30), start);
  if (!is_denied_first) cache.store(about("odd.example", denied), denial(), start);
  CHECK(holds(cache, about("odd.example", denied)));
  CHECK_FALSE(cache.find_nxdomain(about("odd.example", rr_type::txt), start));
  // Not even when that answer has expired.
  CHECK_FALSE(cache.find_nxdomain(about("odd.example", known), start + 40));
}

TEST_CASE("names below a denied one are denied where that is proven, or always, or never") {
  Cache cache(1 << 20);
  const auto below = [&](unsigned zone_labels = 0) {
    return cache.find_nxdomain_above(about("a.b.none.example", rr_type::mx), zone_labels, start);
  };
  cut(cache, NxdomainCut::never);
  cache.store(about("none.example"), denial(true), start);
  CHECK_FALSE(below());
  cut(cache, NxdomainCut::validated);  // another's word for it
  cache.store(about("none.example"), denial(true), start);
  CHECK_FALSE(below());
  cut(cache, NxdomainCut::validated, DnssecMode::validate);
  cache.store(about("none.example"), denial(false), start);
  CHECK_FALSE(below());
  cache.store(about("none.example"), denial(true), start);
  REQUIRE(below());
  CHECK(below()->answer.authority_count == 1);
  CHECK(below(2));
  CHECK_FALSE(below(3));  // the names of another route
  cut(cache, NxdomainCut::always);
  cache.store(about("none.example"), denial(false), start);
  CHECK(below());
  cache.store(about("none.example", rr_type::txt), address_answer(1), start);  // it exists
  CHECK_FALSE(below());
}

}  // namespace dnscache
