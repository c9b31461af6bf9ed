// Answers for those who did not ask for DNSSEC.
#pragma once

#include "resolver/wire/answer.hpp"

namespace dnscache {

/// Takes out the records that only authenticate others, RRSIG, NSEC and NSEC3, unless they are what
/// the question asks for (RFC 4035 section 3.2.1).
void strip_dnssec(const Question& question, Answer& answer);

}  // namespace dnscache
