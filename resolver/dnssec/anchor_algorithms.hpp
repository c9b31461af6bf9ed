// Trust anchors that nobody can use.
#pragma once

#include <string>
#include <vector>

#include "resolver/base/error.hpp"

namespace dnscache {

/// Takes the trust anchors' records, in the form of zone files. The error names a zone whose
/// anchors all have algorithms that libunbound does not check: it would take the zone for unsigned
/// without a word (RFC 4035 section 5.2).
Result<void> check_algorithms(const std::vector<std::string>& texts);

}  // namespace dnscache
