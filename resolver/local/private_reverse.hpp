// The zones of reverse names of private addresses.
#pragma once

#include <vector>

#include "resolver/wire/name.hpp"

namespace dnscache {

/// The zones of RFC 6303 section 4, without those that special_names answers in any case.
std::vector<Name> private_reverse_zones();

}  // namespace dnscache
