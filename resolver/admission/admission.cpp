#include "resolver/admission/admission.hpp"

namespace dnscache {

AdmissionControl::AdmissionControl(const Config& config) : acl_(config.acl) {
  if (config.rate_limit.queries_per_second == 0 || config.acl.empty()) return;
  limiter_ = std::make_unique<RateLimiter>(config.rate_limit);
}

Admission AdmissionControl::admit(const IpAddress& client, bool takes_token,
                                  std::uint64_t now) const {
  if (client.is_loopback()) return Admission::serve;
  const bool is_listed = is_in(acl_, client);
  const bool is_limited = takes_token && limiter_ && is_listed && !limiter_->take(client, now);
  if (is_listed && !is_limited) return Admission::serve;
  if (own_addresses_->has(client, now)) return Admission::serve;
  return is_limited ? Admission::limited : Admission::refuse;
}

}  // namespace dnscache
