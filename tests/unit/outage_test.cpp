#include "resolver/outage.hpp"

#include <catch2/catch.hpp>

using namespace dnscache;
using namespace std::chrono_literals;

namespace {

Name name(const char* text) { return *Name::parse(text); }

}  // namespace

TEST_CASE("some names that fail one after the other are an outage, told once") {
  Outage outage;
  const TimePoint start{std::chrono::hours(1)};
  CHECK_FALSE(outage.failed(name("a.example"), start));
  CHECK_FALSE(outage.failed(name("a.example"), start + 1s));  // one broken name is none
  CHECK_FALSE(outage.failed(name("b.example"), start + 2s));
  CHECK_FALSE(outage.is_on());
  CHECK_FALSE(outage.failed(name("c.example"), start + 3s));  // for too short a time
  CHECK(outage.failed(name("c.example"), start + 5s));
  CHECK_FALSE(outage.failed(name("d.example"), start + 6s));
  CHECK(outage.is_on());
  CHECK(outage.since() == start);
  CHECK(outage.answered(start + 10s) == Duration(10s));
  CHECK_FALSE(outage.is_on());
  CHECK_FALSE(outage.answered(start + 11s));
}

TEST_CASE("an answer in between is no outage") {
  Outage outage;
  for (const char* text : {"a.example", "b.example", "c.example", "d.example"}) {
    CHECK_FALSE(outage.failed(name(text), TimePoint{}));
    CHECK_FALSE(outage.answered(TimePoint{}));
  }
}
