// The servers of a list of name servers, such as resolv.conf, that can be asked.
#pragma once

#include <string>
#include <vector>

#include "resolver/config/config.hpp"

namespace dnscache {

/// Where systemd-resolved lists the real servers while /etc/resolv.conf names its stub
/// (systemd-resolved.service(8), /ETC/RESOLV.CONF).
inline constexpr const char* systemd_resolv_conf = "/run/systemd/resolve/resolv.conf";

/// The name servers of a list, sorted by whether they can be asked.
struct Nameservers {
  std::vector<UpstreamConfig> usable;  ///< each once, in their order
  bool has_own = false;                ///< an address that the cache listens on
  bool has_stub = false;               ///< the stub of systemd-resolved, which asks the cache
};

Nameservers sort_nameservers(const std::vector<Endpoint>& list,
                             const std::vector<Endpoint>& listen);

/// What the list has that cannot be asked: "names only the cache's own address".
std::string to_text(const Nameservers& nameservers);

/// "10.0.0.2 and 10.0.0.3; for corp.example 10.8.0.1": who is asked for what.
std::string servers_in_words(const Config& config);

inline constexpr const char* default_resolv_conf = "/etc/resolv.conf";

}  // namespace dnscache
