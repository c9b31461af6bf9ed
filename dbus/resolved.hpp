// systemd-resolved: whom it asks, for what, and asking it; see org.freedesktop.resolve1(5).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "dbus/bus.hpp"
#include "resolver/base/endpoint.hpp"
#include "resolver/base/error.hpp"
#include "resolver/base/words.hpp"

namespace dnscache::dbus {

/// A server that systemd-resolved asks.
struct DnsServer {
  /// 0: global, from resolved.conf or /etc/resolv.conf; a server on a loopback address is always
  /// reported as one of lo, 1, so that only ResolvedLink tells a link's from a global one.
  int interface_index = 0;
  Endpoint endpoint;        ///< port 53 where none is set
  std::string server_name;  ///< for DNS over TLS; mostly empty

  bool operator==(const DnsServer&) const = default;
};

/// A domain that names are searched in, or that only says which server is asked ("~corp.example").
struct Domain {
  int interface_index = 0;  ///< 0: global
  std::string name;         ///< "ec2.internal", "." for all names
  bool route_only = false;

  bool operator==(const Domain&) const = default;
};

/// What /etc/resolv.conf is to systemd-resolved, systemd-resolved(8).
enum class ResolvConfMode {
  stub,         ///< a link to stub-resolv.conf: nameserver 127.0.0.53
  uplink,       ///< a link to resolved's own resolv.conf: the servers themselves
  static_file,  ///< a link to /usr/lib/systemd/resolv.conf: nameserver 127.0.0.53
  foreign,      ///< somebody else's file, which resolved reads
  missing,
  unknown,
};
/// As systemd-resolved writes them.
inline constexpr auto resolv_conf_mode_words =
    words_of<ResolvConfMode>({{ResolvConfMode::stub, "stub"},
                              {ResolvConfMode::uplink, "uplink"},
                              {ResolvConfMode::static_file, "static"},
                              {ResolvConfMode::foreign, "foreign"},
                              {ResolvConfMode::missing, "missing"},
                              {ResolvConfMode::unknown, "unknown"}});

/// The settings of the whole systemd-resolved.
struct ResolvedState {
  std::vector<DnsServer> servers;  ///< global ones and those of all links
  std::vector<Domain> domains;     ///< global ones and those of all links
  ResolvConfMode resolv_conf_mode = ResolvConfMode::unknown;
  std::string dnssec;        ///< yes, no, allow-downgrade
  std::string dns_over_tls;  ///< yes, no, opportunistic

  /// It asks a server at this address, for whatever names.
  bool has_server(const IpAddress& address) const;
};

/// The settings that systemd-resolved has for one link.
struct ResolvedLink {
  int interface_index = 0;
  std::vector<DnsServer> servers;
  std::vector<Domain> domains;
  bool default_route = false;  ///< its servers are asked for names that no domain names
};

/// The answer to a lookup through systemd-resolved, and where it came from.
struct Lookup {
  std::vector<IpAddress> addresses;
  std::string canonical_name;
  bool from_network = false;   ///< a server was asked for it now
  bool from_cache = false;     ///< resolved's own cache
  bool is_synthetic = false;   ///< resolved made it up: localhost, the host's own name
  bool from_zone = false;      ///< /etc/hosts or a local record
  bool was_validated = false;  ///< DNSSEC
};

/// systemd-resolved on this machine; the Bus must outlive it. No call starts it.
class Resolved {
 public:
  explicit Resolved(Bus& bus) : connection_(&bus.connection()) {}

  Result<bool> is_running();
  /// To be called after a start or restart, which is over a moment before it can be asked.
  Result<void> wait_until_running(std::chrono::milliseconds limit = 5s);
  Result<ResolvedState> state();
  Result<ResolvedLink> link(int interface_index);

  // These change a link that no network manager has, until it is deleted or resolved starts anew.
  /// Gives it these servers, domains and default route, and turns off what is not plain DNS there:
  /// LLMNR, multicast DNS, DNS over TLS and validation.
  Result<void> set_link(const ResolvedLink& link);
  Result<void> set_link_domains(int interface_index, const std::vector<Domain>& domains,
                                bool default_route);

  /// Looks a name up in the DNS alone, not in resolved's cache; a search domain is tried for a name
  /// without a dot. `family` is AF_INET, AF_INET6 or AF_UNSPEC.
  Result<Lookup> resolve(const std::string& name, int family,
                         std::chrono::milliseconds limit = 10s);
  /// Whether the name has this IPv4 address; an Error says why no server answers.
  Result<bool> has_address(const std::string& name, const IpAddress& address,
                           std::chrono::milliseconds limit = 10s);

 private:
  Bus::Connection* connection_;
};

}  // namespace dnscache::dbus
