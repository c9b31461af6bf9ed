#include "resolver/wire/strip.hpp"

#include <algorithm>

#include "resolver/wire/copy.hpp"
#include "resolver/wire/records.hpp"

namespace dnscache {
namespace {

bool is_only_proof(std::uint16_t type) {
  return type == rr_type::rrsig || type == rr_type::nsec || type == rr_type::nsec3;
}

}  // namespace

void strip_dnssec(const Question& question, Answer& answer) {
  std::vector<bool> keeps;
  const AnswerView view = answer.view();
  for (std::size_t i = 0; i < view.ttl_offsets.size(); ++i) {
    const std::uint16_t type = record_at(view, i).type;
    keeps.push_back(!is_only_proof(type) || type == question.type || question.type == rr_type::any);
  }
  if (std::ranges::find(keeps, false) != keeps.end()) keep_records(question, keeps, answer);
}

}  // namespace dnscache
