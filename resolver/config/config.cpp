#include "resolver/config/config.hpp"

#include <algorithm>

namespace dnscache {

std::vector<Endpoint> default_listen() {
  IpAddress v6;
  v6.is_v6 = true;
  v6.bytes[15] = 1;
  return {{IpAddress::v4(127, 0, 0, 1), dns_port}, {v6, dns_port}};
}

std::string servers_source(const Config& config, const Name& zone) {
  const auto route = std::ranges::find(config.routes, zone, &RouteConfig::zone);
  const std::string& source =
      route == config.routes.end() ? config.upstreams_source : route->source;
  return source.empty() ? "configuration" : source;
}

std::vector<UpstreamConfig> all_upstreams(const Config& config) {
  std::vector<UpstreamConfig> all = config.upstreams;
  for (const RouteConfig& route : config.routes) {
    all.insert(all.end(), route.upstreams.begin(), route.upstreams.end());
  }
  return all;
}

}  // namespace dnscache
