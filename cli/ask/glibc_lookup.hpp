// How the C library looks a name up on this machine: nsswitch.conf(5), resolv.conf(5),
// getaddrinfo(3).
#pragma once

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/base/endpoint.hpp"
#include "resolver/config/resolv_conf.hpp"

namespace dnscache::cli {

/// What a service of nsswitch.conf says to a name.
enum class NssStatus { found, not_found, unavailable, try_again };

/// "found", "not found", …
const char* to_text(NssStatus status);

/// One service of the hosts line and what its statuses lead to.
struct NssService {
  std::string name;
  std::string actions;  ///< as written, "[!UNAVAIL=return]"; mostly empty
  std::array<bool, 4> ends_with{true, false, false, false};  ///< by NssStatus: the lookup is over

  bool ends(NssStatus status) const { return ends_with[static_cast<std::size_t>(status)]; }
};

/// The hosts line of nsswitch.conf; without one, what glibc takes instead.
struct NssHosts {
  int line = 0;  ///< from 1; 0: there is none
  std::vector<NssService> services;

  std::string to_text() const;
};

NssHosts parse_nss_hosts_line(std::string_view nsswitch);

/// What makes of one name the names that are asked for.
struct SearchRules {
  std::vector<std::string> search;
  unsigned ndots = 1;
  bool is_without_top_level = false;  ///< options no-tld-query

  bool operator==(const SearchRules&) const = default;
};

/// `local_domain` and `res_options` are the environment's LOCALDOMAIN and RES_OPTIONS, or empty;
/// `host_name` gives the search list where nothing else does.
SearchRules search_rules(const ResolvConf& resolv_conf, std::string_view local_domain,
                         std::string_view res_options, std::string_view host_name);
/// The same with what this process has of these.
SearchRules search_rules_here(const ResolvConf& resolv_conf);

/// A name that is asked for, and why.
struct SearchCandidate {
  std::string name;    ///< without a final dot
  std::string domain;  ///< of the search list; empty: as it was given

  bool operator==(const SearchCandidate&) const = default;
};

/// In the order in which glibc's res_search() tries them, until one has an answer.
std::vector<SearchCandidate> search_candidates(std::string_view name, const SearchRules& rules);
/// The same for systemd-resolved, which searches for names without a dot only.
std::vector<SearchCandidate> resolved_candidates(std::string_view name,
                                                 const std::vector<std::string>& search);

/// What getaddrinfo() gives to a program.
struct AddressLookup {
  NssStatus status = NssStatus::unavailable;
  std::string error;  ///< as gai_strerror(3) words it; empty when something was found
  std::string canonical_name;
  std::vector<IpAddress> addresses;  ///< in its order
  double milliseconds = 0;
  bool needs_own_address = false;  ///< AI_ADDRCONFIG hides it: this machine has no such address
};

/// Through all services, with AI_ADDRCONFIG as programs do without hints, and without it if there
/// is nothing then; `family` is AF_UNSPEC, AF_INET or AF_INET6.
AddressLookup look_up_addresses(const std::string& name, int family);
/// The same in a process of its own, which ends after `limit` at the latest.
AddressLookup look_up_addresses_within(const std::string& name, int family,
                                       std::chrono::milliseconds limit);
/// Through one service only, in the same way.
AddressLookup look_up_addresses_by(const std::string& service, const std::string& name, int family,
                                   std::chrono::milliseconds limit);

}  // namespace dnscache::cli
