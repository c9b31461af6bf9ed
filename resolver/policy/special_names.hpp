// Names with a meaning of their own, which no upstream is asked for.
#pragma once

#include <optional>

#include "resolver/wire/answer.hpp"

namespace dnscache {

/// The answer to a question about a special-use name, or nothing for an ordinary name: localhost
/// and its reverse names (RFC 6761 section 6.3), 127/8, 0/8 and the broadcast address in reverse
/// (RFC 6303), invalid (RFC 6761 section 6.4), onion (RFC 7686), alt (RFC 9476), resolver.arpa
/// (RFC 9462 section 8). `test`, `local` and `home.arpa` are left to the upstreams, because people
/// use them in networks of their own.
std::optional<Answer> answer_special_name(const Question& question);

/// The answer to a query that is refused or answered on sight, whatever its name: classes other
/// than IN, zone transfers, and ANY (RFC 8482).
std::optional<Answer> answer_special_type(const Query& query);

}  // namespace dnscache
