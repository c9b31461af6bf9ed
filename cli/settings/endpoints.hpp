// Addresses as the command line takes them.
#pragma once

#include <string>
#include <vector>

#include "resolver/base/error.hpp"
#include "resolver/config/config.hpp"

namespace dnscache::cli {

/// "192.0.2.1", "[::1]:5353", ...; without a port it is 53. The error names `flag`.
Result<std::vector<Endpoint>> parse_endpoints(const std::vector<std::string>& texts,
                                              const std::string& flag);

/// The same for servers to ask, which may be "tls://192.0.2.1#dns.example" as well.
Result<std::vector<UpstreamConfig>> parse_upstreams(const std::vector<std::string>& texts,
                                                    const std::string& flag);

/// "corp.example=10.1.0.2,10.1.0.3": a zone and its servers, as --route takes them.
Result<RouteConfig> parse_route(const std::string& text);

}  // namespace dnscache::cli
