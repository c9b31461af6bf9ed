// Which clients are served, whatever they ask.
#pragma once

#include <memory>
#include <vector>

#include "resolver/admission/own_addresses.hpp"
#include "resolver/admission/rate_limit.hpp"
#include "resolver/config/config.hpp"

namespace dnscache {

/// What becomes of a client's query.
enum class Admission {
  serve,
  refuse,   ///< not in the access list
  limited,  ///< sent more than its share
};

/// The access list and the rate limit of one configuration, shared by all workers.
class AdmissionControl {
 public:
  explicit AdmissionControl(const Config& config);

  /// About a client that did not come by a loopback address; `now` in milliseconds. This machine is
  /// served by each of its addresses, whatever the access list says. `takes_token` is false over
  /// TCP, where the client's address is no lie.
  Admission admit(const IpAddress& client, bool takes_token, std::uint64_t now) const;

 private:
  std::vector<Network> acl_;
  std::unique_ptr<OwnAddresses> own_addresses_ = std::make_unique<OwnAddresses>();
  std::unique_ptr<RateLimiter> limiter_;  // null: no limit
};

using AdmissionControlPtr = std::shared_ptr<const AdmissionControl>;

}  // namespace dnscache
