#include "cli/settings/endpoints.hpp"

#include <fmt/format.h>
#include <sstream>

#include "resolver/base/text.hpp"
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

Result<RouteConfig> parse_route(const std::string& text) {
  const auto equals = text.find('=');
  const auto zone = Name::parse(text.substr(0, equals));
  if (equals == text.npos || !zone) {
    return Error{fmt::format("--route {}: write a zone and its servers, as in "
                             "--route corp.example=10.1.0.2,10.1.0.3",
                             text),
                 ExitCode::usage};
  }
  std::vector<std::string> servers;
  std::istringstream words(text.substr(equals + 1));
  for (std::string word; std::getline(words, word, ',');) servers.push_back(word);
  const auto upstreams = parse_upstreams(servers, "--route");
  if (!upstreams) return upstreams.error();
  return RouteConfig{*zone, *upstreams};
}

}  // namespace dnscache::cli
