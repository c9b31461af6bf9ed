#include "resolver/config/config.hpp"

namespace dnscache {

std::vector<Endpoint> default_listen() {
  IpAddress v6;
  v6.is_v6 = true;
  v6.bytes[15] = 1;
  return {{IpAddress::v4(127, 0, 0, 1), dns_port}, {v6, dns_port}};
}

std::vector<UpstreamConfig> all_upstreams(const Config& config) {
  std::vector<UpstreamConfig> all = config.upstreams;
  for (const RouteConfig& route : config.routes) {
    all.insert(all.end(), route.upstreams.begin(), route.upstreams.end());
  }
  return all;
}

}  // namespace dnscache
