// Answers made here instead of by an upstream.
#pragma once

#include <string_view>
#include <vector>

#include "resolver/wire/answer.hpp"

namespace dnscache {

/// Appends a record owned by the question's name to the answer section and marks it as data.
void add_answer(Answer& answer, std::uint16_t type, std::uint32_t ttl, ByteView data);
/// The same for another owner, in wire form, as behind a CNAME.
void add_answer_of(Answer& answer, ByteView owner, std::uint16_t type, std::uint32_t ttl,
                   ByteView data);

/// Appends the SOA record of a zone that exists only here to the authority section, so that
/// clients can cache the negative answer (RFC 2308 section 3); `ttl` in seconds is its MINIMUM too.
void add_local_soa(Answer& answer, ByteView zone, std::uint32_t ttl);
inline void add_local_soa(Answer& answer, const Name& zone, std::uint32_t ttl) {
  add_local_soa(answer, zone.bytes(), ttl);
}

/// An answer that says only `rcode`, not to be kept.
Answer failure(Rcode rcode, ExtendedError reason = ExtendedError::none);

}  // namespace dnscache
