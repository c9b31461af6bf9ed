// Answers of upstreams without what has nothing to do with the question.
#pragma once

#include "resolver/wire/answer.hpp"

namespace dnscache {

/// Takes out of an upstream's answer the records that do not belong to it, so that none of them
/// reaches a client or the cache. `message` is the whole response, read and found sound, whose
/// `answer`'s records begin at `records_at`. What stays:
/// - answer section: records of the asked type (any for ANY) owned by the question's name or a name
///   that its CNAME records lead to, in whatever order they come; these CNAMEs, and the DNAMEs
///   above their owners;
/// - authority section: SOA, NS and DS of zones that such a name lies in, NSEC, and NSEC3 of such
///   zones;
/// - in both: the signatures of what stays;
/// - additional section: everything.
/// The work is bounded: 32 aliases are followed, and each record is looked up once.
/// False when the rest cannot be written as one message.
bool scrub(ByteView message, std::size_t records_at, Answer& answer);

}  // namespace dnscache
