// Where a report comes from.
#pragma once

#include <string>

namespace dnscache::cli {

/// "dnscachectl 0.1.0 on web1 (Linux 6.1.0): dnscachectl bench example.com"
std::string made_with();

}  // namespace dnscache::cli
