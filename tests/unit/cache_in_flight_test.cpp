#include <catch2/catch.hpp>

#include "resolver/cache/in_flight.hpp"

namespace dnscache {
namespace {

Question question_of(const char* name) { return {*Name::parse(name), rr_type::a}; }

constexpr std::uint64_t hash = 17;  // of every question: they are told apart all the same

}  // namespace

TEST_CASE("everybody who waits for a flight gets its answer, once") {
  InFlight in_flight;
  Flight& flight = in_flight.start(question_of("a.example"), hash);
  CHECK(in_flight.find(question_of("A.example"), hash) == &flight);
  CHECK(in_flight.find(question_of("b.example"), hash) == nullptr);
  unsigned replies = 0;
  for (unsigned i = 0; i < 500; ++i) flight.wait([&](const Answer&) { ++replies; });
  CHECK(in_flight.waiting() == 500);
  in_flight.land(flight, Answer(Rcode::nx_domain));
  CHECK(replies == 500);
  CHECK(in_flight.size() == 0);
  CHECK(in_flight.waiting() == 0);
}

TEST_CASE("a failure is remembered for two to four seconds") {
  RecentFailures failures;
  CHECK_FALSE(failures.contains(1, 1000));
  for (const CacheSeconds start : {1000u, 1001u, 1005u, 1010u}) {
    failures.add(1, start);
    CHECK(failures.contains(1, start));
    CHECK(failures.contains(1, start + 1));
    CHECK_FALSE(failures.contains(2, start + 1));
    CHECK_FALSE(failures.contains(1, start + 4));
  }
  failures.add(1, 2000);
  failures.clear();
  CHECK_FALSE(failures.contains(1, 2000));
}

TEST_CASE("failures of ever new names take no memory without end") {
  RecentFailures failures;
  for (std::uint64_t i = 0; i < 30'000; ++i) failures.add(i, 1000);
  CHECK(failures.contains(0, 1000));
  CHECK_FALSE(failures.contains(29'999, 1000));
  failures.add(99'999, 1002);
  CHECK(failures.contains(99'999, 1002));
}

TEST_CASE("who comes after an early answer gets it at once, and nobody gets two") {
  InFlight in_flight;
  Flight& flight = in_flight.start(question_of("a.example"), hash);
  unsigned stale = 0, others = 0;
  const auto reply = [&](const Answer& answer) {
    ++(answer.extended_error == ExtendedError::stale_answer ? stale : others);
  };
  flight.wait(reply);
  flight.answer_early(Answer(Rcode::no_error, ExtendedError::stale_answer));
  CHECK(stale == 1);
  flight.wait(reply);
  CHECK(stale == 2);
  CHECK(in_flight.waiting() == 0);
  in_flight.land(flight, Answer());
  CHECK(stale == 2);
  CHECK(others == 0);
}

TEST_CASE("a question may be asked again from within the reply to it") {
  InFlight in_flight;
  Flight& flight = in_flight.start(question_of("a.example"), hash);
  Flight* second = nullptr;
  flight.wait([&](const Answer&) {
    CHECK(in_flight.find(question_of("a.example"), hash) == nullptr);
    second = &in_flight.start(question_of("a.example"), hash);
  });
  in_flight.land(flight, Answer());
  REQUIRE(second != nullptr);
  CHECK(in_flight.size() == 1);
  CHECK(in_flight.find(question_of("a.example"), hash) == second);
}

}  // namespace dnscache
