// Why an answer did not pass validation.
#pragma once

#include <string_view>

#include "resolver/wire/protocol.hpp"

namespace dnscache {

/// The extended error (RFC 8914, codes 6 to 12) for libunbound's words, the only form in which it
/// gives its reason to a program.
ExtendedError bogus_reason(std::string_view why);

}  // namespace dnscache
