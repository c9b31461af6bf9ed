#include <catch2/catch.hpp>

#include "resolver/local/probe_zone.hpp"

using namespace dnscache;

namespace {

Question question_in(const Name& zone, std::uint16_t type) {
  Question question;
  question.name = *Name::parse("new." + zone.to_text());
  question.type = type;
  return question;
}

}  // namespace

TEST_CASE("only its own probe zone is answered by an engine") {
  const ProbeZone ours, theirs;
  CHECK(ours.name() != theirs.name());
  CHECK(ours.name().is_within(*Name::parse("test")));
  const auto answer = ours.answer(question_in(ours.name(), rr_type::a));
  REQUIRE(answer);
  CHECK(answer->has_data);
  CHECK(ours.answer(question_in(ours.name(), rr_type::txt))->has_data);
  CHECK_FALSE(ours.answer(question_in(ours.name(), rr_type::aaaa))->has_data);
  CHECK_FALSE(theirs.answer(question_in(ours.name(), rr_type::a)));
  CHECK_FALSE(ours.answer(question_in(*Name::parse("test"), rr_type::a)));
}
