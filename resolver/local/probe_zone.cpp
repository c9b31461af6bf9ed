#include "resolver/local/probe_zone.hpp"

#include <sys/random.h>

#include <array>
#include <cstdint>
#include <fmt/format.h>

#include "resolver/wire/build.hpp"

namespace dnscache {

ProbeZone::ProbeZone() {
  std::uint64_t number = 0;
  (void)!::getrandom(&number, sizeof number, 0);
  name_ = *Name::parse(fmt::format("{:016x}.dnscachectl.test", number));
}

std::optional<Answer> ProbeZone::answer(const Question& question) const {
  if (!question.name.is_within(name_)) return std::nullopt;
  constexpr std::uint32_t not_kept = 0;  // TTL
  Answer answer;
  if (question.type == rr_type::a) {
    add_answer(answer, rr_type::a, not_kept, std::array<std::uint8_t, 4>{127, 0, 0, 1});
  } else if (question.type == rr_type::txt) {
    add_answer(answer, rr_type::txt, not_kept,
               std::array<std::uint8_t, 6>{5, 'c', 'a', 'c', 'h', 'e'});
  } else {
    add_local_soa(answer, name_, not_kept);
  }
  return answer;
}

}  // namespace dnscache
