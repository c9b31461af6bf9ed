#include "cli/endpoints.hpp"

#include <fmt/format.h>

#include "resolver/config/text.hpp"
#include "resolver/config/values.hpp"

namespace dnscache::cli {

Result<std::vector<Endpoint>> parse_endpoints(const std::vector<std::string>& texts,
                                              const std::string& flag) {
  std::vector<Endpoint> endpoints;
  for (const auto& text : texts) {
    const auto endpoint = Endpoint::parse(text, dns_port);
    if (!endpoint || endpoint->port == 0) {
      return Error{fmt::format("{}: {} is not an address, as in 192.0.2.1, 192.0.2.1:5353 or "
                               "[2001:db8::1]:53",
                               flag, in_quotes(text)),
                   ExitCode::usage};
    }
    endpoints.push_back(*endpoint);
  }
  return endpoints;
}

Result<std::vector<UpstreamConfig>> parse_upstreams(const std::vector<std::string>& texts,
                                                    const std::string& flag) {
  std::vector<UpstreamConfig> upstreams;
  for (const auto& text : texts) {
    const auto upstream = parse_upstream(text);
    if (!upstream) {
      return Error{fmt::format("{}: {} {}", flag, in_quotes(text), upstream.error().message),
                   ExitCode::usage};
    }
    upstreams.push_back(*upstream);
  }
  return upstreams;
}

}  // namespace dnscache::cli
