// Names with a meaning of their own, which no upstream is asked for.
#pragma once

#include <optional>

#include "resolver/wire/answer.hpp"

namespace dnscache {

/// The answer to a question about a special-use name.
struct SpecialName {
  Answer answer;
  unsigned zone_labels = 0;  ///< of the zone that is special
  bool is_fixed = false;     ///< no configuration can give the name another meaning
};

/// Nothing for an ordinary name. Special are localhost and its reverse names (RFC 6761
/// section 6.3), which are fixed; 127/8, 0/8 and the broadcast address in reverse (RFC 6303);
/// invalid and test (RFC 6761 sections 6.4 and 6.2), onion (RFC 7686), alt (RFC 9476),
/// resolver.arpa (RFC 9462 section 8); and home.arpa (RFC 8375) if `with_home_arpa`, but for the DS
/// record, which is the parent's. `local` is left to the upstreams, because people use it in
/// networks of their own.
std::optional<SpecialName> find_special_name(const Question& question, bool with_home_arpa);

/// The answer to a query that is refused or answered on sight, whatever its name: classes other
/// than IN, zone transfers, and ANY (RFC 8482).
std::optional<Answer> answer_special_type(const Query& query);

}  // namespace dnscache
