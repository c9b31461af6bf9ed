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

TEST_CASE("when there is no room, the oldest flight of the largest zone gives way, once") {
  InFlight in_flight(HashKey{1, 2});  // whose hashes tell the two zones apart
  InFlightLimits limits;
  limits.flights = 4;
  in_flight.limit(limits);
  Flight& good = in_flight.start(question_of("a.good.example"), 1);
  Flight& first = in_flight.start(question_of("a.slow.test"), 2);
  in_flight.start(question_of("b.slow.test"), 3);
  CHECK(in_flight.give_way() == nullptr);
  in_flight.start(question_of("c.slow.test"), 4);
  CHECK(in_flight.give_way() == &first);
  CHECK(in_flight.give_way() == nullptr);  // it is on its way out, and still there
  CHECK(in_flight.size() == 4);
  in_flight.land(first, Answer());
  in_flight.land(good, Answer());
  CHECK(in_flight.size() == 2);
}

TEST_CASE("a client of the network waits for a thousand replies at most") {
  constexpr ClientId client = 7;
  InFlight in_flight;
  for (unsigned i = 0; i < 10; ++i) {
    Flight& flight = in_flight.start(question_of(("n" + std::to_string(i)).c_str()), i, client);
    for (unsigned j = 0; j < 100; ++j) {
      REQUIRE(in_flight.may_wait(client, &flight));
      flight.wait([](const Answer&) {}, client);
    }
  }
  CHECK_FALSE(in_flight.may_wait(client, nullptr));
  CHECK(in_flight.may_wait(9, nullptr));
  CHECK(in_flight.may_wait(this_machine, nullptr));
  in_flight.land(*in_flight.find(question_of("n0"), 0), Answer());
  CHECK(in_flight.may_wait(client, nullptr));
  CHECK(in_flight.waiting() == 900);
}

TEST_CASE("one question does not take all the room for those who wait") {
  InFlight in_flight;
  InFlightLimits limits;
  limits.waiting = 800;
  in_flight.limit(limits);
  Flight& popular = in_flight.start(question_of("a.example"), hash);
  for (unsigned i = 0; i < 100; ++i) popular.wait([](const Answer&) {});
  CHECK_FALSE(in_flight.may_wait(this_machine, &popular));
  CHECK(in_flight.may_wait(this_machine, nullptr));
}

}  // namespace dnscache
