// The control command `probe`: whether the upstreams answer now.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "resolver/base/error.hpp"
#include "resolver/resolve.hpp"
#include "resolver/server/control.hpp"

namespace dnscache {

/// One line: whom the question was sent to, and how it ended. Without a "name" the question is one
/// that an upstream has answered before, or for the servers of the root. The cache plays no part,
/// and no query is counted.
Result<ControlReply> probe(const nlohmann::json& request, Resolver& resolver);

}  // namespace dnscache
