#include "resolver/admission/admission.hpp"

namespace dnscache {

AdmissionControl::AdmissionControl(const Config& config) : acl_(config.acl) {
  if (config.rate_limit.queries_per_second == 0) return;
  limiter_ = std::make_unique<RateLimiter>(config.rate_limit);
}

Admission AdmissionControl::admit(const IpAddress& client, bool takes_token,
                                  std::uint64_t now) const {
  if (client.is_loopback()) return Admission::serve;
  if (!is_in(acl_, client) && !own_addresses_->has(client, now)) return Admission::refuse;
  if (takes_token && limiter_ && !limiter_->take(client, now)) return Admission::limited;
  return Admission::serve;
}

}  // namespace dnscache
