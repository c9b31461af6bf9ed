#include "resolver/local/private_reverse.hpp"

#include <string>

namespace dnscache {

std::vector<Name> private_reverse_zones() {
  std::vector<std::string> zones{
      "10.in-addr.arpa",      "168.192.in-addr.arpa",    "254.169.in-addr.arpa",
      "2.0.192.in-addr.arpa", "100.51.198.in-addr.arpa", "113.0.203.in-addr.arpa",
      "d.f.ip6.arpa",         "8.e.f.ip6.arpa",          "9.e.f.ip6.arpa",
      "a.e.f.ip6.arpa",       "b.e.f.ip6.arpa",          "8.b.d.0.1.0.0.2.ip6.arpa"};
  for (int i = 16; i < 32; ++i) zones.push_back(std::to_string(i) + ".172.in-addr.arpa");
  zones.push_back("0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa");
  std::vector<Name> names;
  for (const std::string& zone : zones) names.push_back(*Name::parse(zone));
  return names;
}

}  // namespace dnscache
