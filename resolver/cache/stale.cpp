#include "resolver/cache/stale.hpp"

#include "resolver/wire/strip.hpp"

namespace dnscache {
namespace {

std::optional<Answer> usable_answer(std::optional<CachedAnswer> cached,
                                    const ServeStaleConfig& config) {
  if (!cached || cached->answer.is_failure()) return std::nullopt;
  if (cached->expired_for > static_cast<std::uint32_t>(config.max_age.count())) return std::nullopt;
  return std::move(cached->answer);
}

}  // namespace

std::optional<Answer> stale_answer(const Cache& cache, const Question& question, std::uint64_t hash,
                                   CacheSeconds now, const ServeStaleConfig& config) {
  if (!config.enabled) return std::nullopt;
  auto answer = usable_answer(cache.find(question, hash, now), config);
  if (!answer) {
    Question other = question;
    other.dnssec_ok = !question.dnssec_ok;
    answer = usable_answer(cache.find(other, now), config);
    if (answer) strip_dnssec(question, *answer);
  }
  if (!answer) return std::nullopt;
  answer->set_ttls(static_cast<std::uint32_t>(config.ttl.count()));
  answer->authentic = false;  // its signatures may have expired with it
  answer->extended_error = answer->rcode == Rcode::nx_domain ? ExtendedError::stale_nxdomain
                                                             : ExtendedError::stale_answer;
  return answer;
}

}  // namespace dnscache
