#include "resolver/dnssec/negative_anchors.hpp"

#include <array>
#include <string_view>

#include "resolver/local/private_reverse.hpp"

namespace dnscache {
namespace {

constexpr auto private_names = std::to_array<std::string_view>(
    {"localhost",
     "invalid",
     "test",
     "onion",
     "alt",
     "local",
     "internal",
     "intranet",
     "private",
     "corp",
     "home",
     "lan",
     "localdomain",
     "home.arpa",
     "resolver.arpa",
     "127.in-addr.arpa",
     "0.in-addr.arpa",
     "255.255.255.255.in-addr.arpa",
     "64.100.in-addr.arpa",
     "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa"});

}  // namespace

std::vector<Name> negative_anchors(const Config& config) {
  std::vector<Name> zones = config.dnssec.negative_trust_anchors;
  for (const RouteConfig& route : config.routes) zones.push_back(route.zone);
  for (const LocalZoneConfig& local : config.local.zones) {
    if (!local.zone.is_root()) zones.push_back(local.zone);
  }
  for (const std::string_view name : private_names) zones.push_back(*Name::parse(name));
  // 100.64.0.0/10 is shared address space (RFC 7793).
  for (int i = 65; i < 128; ++i) {
    zones.push_back(*Name::parse(std::to_string(i) + ".100.in-addr.arpa"));
  }
  for (const Name& zone : private_reverse_zones()) zones.push_back(zone);
  return zones;
}

}  // namespace dnscache
