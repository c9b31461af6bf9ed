// Zones in which nothing is validated (RFC 7646).
#pragma once

#include <vector>

#include "resolver/config/config.hpp"

namespace dnscache {

/// The zones whose names are not validated under this configuration: those it names, those of its
/// routes and local zones, and those that mean something else, or nothing, outside of a private
/// network: special-use names (RFC 6761, RFC 6762 with its appendix G, RFC 8375, ICANN's
/// "internal") and the reverse names of private addresses (RFC 6303).
std::vector<Name> negative_anchors(const Config& config);

}  // namespace dnscache
