// Answers that come back into the cache from outside the program.
#pragma once

#include <optional>
#include <vector>

#include "resolver/config/config.hpp"
#include "resolver/wire/answer.hpp"

namespace dnscache {

/// Shortens the TTLs of an answer with data, or of one that says there is none, to what the
/// configuration allows.
void shorten_lifetime(Answer& answer, const CacheConfig& config);

/// Checks answers that were once cached as strictly as an upstream's response.
class Restorer {
 public:
  /// The answer that `kept` describes; its TTL offsets are not looked at but found anew. `ttl`, in
  /// seconds, is how long it was to be kept: never longer than its records allow. Nothing when no
  /// upstream could have given this answer to the question, and for failures.
  std::optional<Answer> restore(const Question& question, const AnswerView& kept,
                                std::uint32_t ttl);

 private:
  std::vector<std::uint8_t> packet_;
  Response response_;
};

}  // namespace dnscache
