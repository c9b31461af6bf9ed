// Answers of upstreams, put in order.
#pragma once

#include "resolver/wire/answer.hpp"

namespace dnscache {

enum class ScrubResult {
  good,
  too_long,  ///< what is left cannot be written as one message
  endless,   ///< the aliases go round in a circle, or are more than 32
};

/// Takes out of an upstream's answer the records that do not belong to it, so that none of them
/// reaches a client or the cache, and puts the rest in order. `message` is the whole response, read
/// and found sound, whose `answer`'s records begin at `records_at`; `is_mixed`: the question was
/// sent in a mix of letter cases. What stays:
/// - answer section: records of the asked type (any for ANY) owned by the question's name or a name
///   that its CNAME records lead to, in whatever order they come; these CNAMEs, and the DNAMEs
///   above their owners;
/// - authority section: SOA, NS and DS of zones that such a name lies in, NSEC, and NSEC3 of such
///   zones;
/// - in both: the signatures of what stays;
/// - additional section: addresses, aliases and service bindings (RFC 9460 section 4.1) of the
/// names
///   that the data of other records lead to, and their signatures.
/// Of equal records one stays (RFC 2181 section 5), the records of an RRset and its signatures have
/// the lowest of their TTLs (RFC 2181 section 5.2, RFC 4034 section 3), and the SOA of a negative
/// answer at most its MINIMUM (RFC 2308 section 5). Names that would show our mix of cases, or have
/// pointers where none may be, are written anew (keep_records()).
/// The work is bounded: 32 aliases are followed, and each record is looked up once.
ScrubResult scrub(ByteView message, std::size_t records_at, bool is_mixed, Answer& answer);

}  // namespace dnscache
