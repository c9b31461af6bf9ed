// Which servers the lookups of this machine's programs go to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/host/systemd/facts.hpp"
#include "resolver/base/endpoint.hpp"

namespace dnscache::cli {

/// Who answers the lookups of this machine's programs, from its resolv.conf.
struct LookupPath {
  std::vector<Endpoint> servers;     ///< as glibc would ask them
  bool is_through_cache = false;     ///< the first one is this engine
  bool is_through_resolved = false;  ///< resolv.conf names the stub of systemd-resolved
  std::string overwritten;           ///< what became of setup's resolv.conf; empty: it is there
  bool rotates = false;              ///< `options rotate`: glibc spreads lookups over all of them

  /// "go to 127.0.0.1 (this cache), then to 10.0.0.2 if it fails", "BYPASS this cache: ..."
  std::string in_words() const;
};

LookupPath lookup_path(std::string_view resolv_conf, const std::vector<Endpoint>& listen);

/// Where resolv.conf names the stub of systemd-resolved: the servers that it asks instead.
void follow_stub(LookupPath& path, const SystemFacts& system, const std::vector<Endpoint>& listen);

/// An address a client can reach the engine at: a wildcard becomes the loopback address.
Endpoint reachable(const Endpoint& listen);

}  // namespace dnscache::cli
