// Records as they are written in the configuration.
#pragma once

#include <string_view>

#include "resolver/base/error.hpp"
#include "resolver/config/config.hpp"

namespace dnscache {

/// "name [ttl] TYPE data" as in RFC 1035 section 5.1, of type A, AAAA, CNAME, PTR, TXT, SRV or MX.
/// The TTL is a number of seconds or a duration; every name is complete, with or without its final
/// dot. The error reads on after the text in quotes.
Result<LocalRecord> parse_record(std::string_view text);

/// The name in in-addr.arpa or ip6.arpa that belongs to an address (RFC 1035 section 3.5, RFC 3596
/// section 2.5).
Name reverse_name(const IpAddress& address);

}  // namespace dnscache
