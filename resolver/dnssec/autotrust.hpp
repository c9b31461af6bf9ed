// Files in unbound's form for RFC 5011.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dnscache {

/// Whether a text begins as unbound begins the files of keys that it maintains.
bool is_autotrust(std::string_view text);

/// The DNSKEY records of such a file that are trusted: those in the states VALID and MISSING
/// (RFC 5011 section 4.2), not those that are still to prove themselves or were revoked.
std::vector<std::string> trusted_keys(const std::string& text);

}  // namespace dnscache
