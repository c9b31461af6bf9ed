// One question on its way through the validator.
#pragma once

#include <memory>

#include "resolver/base/task.hpp"
#include "resolver/dnssec/validator.hpp"

namespace dnscache {

/// Looks a question up and validates the answer; silent when the deadline comes before, or an event
/// that ends it. `question` and `inbox`, which nothing else may use, outlive it.
Async<Outcome> validate(std::shared_ptr<Validator> validator, const Question& question,
                        TimePoint deadline, Inbox& inbox);

}  // namespace dnscache
