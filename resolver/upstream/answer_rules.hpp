// What is done about an upstream's answer before it is cached and given to clients.
#pragma once

#include "resolver/config/config.hpp"
#include "resolver/wire/answer.hpp"

namespace dnscache {

/// The settings that judge answers by the addresses in them.
class AnswerRules {
 public:
  explicit AnswerRules(const Config& config);

  /// Takes out what must not get in: an answer that breaks the rebind protection becomes NODATA
  /// with the extended error "Blocked", one with a bogus address NXDOMAIN; an additional section
  /// that breaks the rebind protection is left out. The setting that did so, or null.
  const char* apply(const Question& question, const IpAddress& upstream, Answer& answer) const;

 private:
  bool may_be_private(const Name& name, const IpAddress& upstream) const;

  RebindConfig rebind_;
  std::vector<Network> bogus_nxdomain_;
  std::chrono::seconds ttl_;  // of what is said instead
};

/// The addresses that nobody outside of a private network has any use for: RFC 1918, link-local,
/// unique and site-local IPv6 ones, those for documentation, 255.255.255.255, IPv6 forms of such
/// IPv4 addresses; and, unless `allow_localhost`, 127.0.0.0/8, 0.0.0.0/8, ::1 and ::. The same
/// as dnsmasq's stop-dns-rebind takes for private.
bool is_rebind_target(const IpAddress& address, bool allow_localhost);

}  // namespace dnscache
