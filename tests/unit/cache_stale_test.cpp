#include <catch2/catch.hpp>

#include "resolver/cache/stale.hpp"
#include "resolver/wire/build.hpp"
#include "resolver/wire/records.hpp"

namespace dnscache {
namespace {

constexpr CacheSeconds start = 1000;
const ServeStaleConfig config;

std::optional<Answer> stale_answer(const Cache& cache, const Question& question, CacheSeconds now,
                                   const ServeStaleConfig& how) {
  return dnscache::stale_answer(cache, question, cache.prepare(question), now, how);
}

Question question_with(bool dnssec_ok) {
  return {*Name::parse("www.example"), rr_type::a, dnssec_ok, false};
}

Answer answer_with(std::uint8_t address, bool is_signed) {
  Answer answer;
  add_answer(answer, rr_type::a, 60, std::vector<std::uint8_t>{192, 0, 2, address});
  if (is_signed) {
    std::vector<std::uint8_t> signature(20, 0);
    signature[1] = rr_type::a;
    add_answer(answer, rr_type::rrsig, 60, signature);
  }
  answer.ttl = 60;
  return answer;
}

}  // namespace

TEST_CASE("stale data serves questions that differ in DO, without signatures") {
  Cache cache(1 << 20);
  cache.store(question_with(true), answer_with(1, true), start);
  const auto without = stale_answer(cache, question_with(false), start + 100, config);
  REQUIRE(without);
  CHECK(without->is_stale());
  CHECK(without->answer_count == 1);
  CHECK(record_at(without->view(), 0).type == rr_type::a);
  CHECK(record_at(without->view(), 0).ttl == 30);
  CHECK(stale_answer(cache, question_with(true), start + 100, config)->answer_count == 2);

  cache.flush_all();
  cache.store(question_with(false), answer_with(1, false), start);
  CHECK(stale_answer(cache, question_with(true), start + 100, config)->answer_count == 1);
  Question unchecked = question_with(true);
  unchecked.checking_disabled = true;
  CHECK_FALSE(stale_answer(cache, unchecked, start + 100, config));
}

TEST_CASE("stale data has the question's own DO where there is such, and is not too old") {
  Cache cache(1 << 20);
  cache.store(question_with(true), answer_with(1, true), start);
  cache.store(question_with(false), answer_with(2, false), start);
  const auto own = stale_answer(cache, question_with(false), start + 100, config);
  REQUIRE(own);
  CHECK(own->records[15] == 2);
  const auto too_late = start + 61 + static_cast<CacheSeconds>(config.max_age.count());
  CHECK_FALSE(stale_answer(cache, question_with(false), too_late, config));
  ServeStaleConfig off;
  off.enabled = false;
  CHECK_FALSE(stale_answer(cache, question_with(false), start + 100, off));
}

}  // namespace dnscache
