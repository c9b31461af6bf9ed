// One question on its way through the validator.
#pragma once

#include <memory>

#include "resolver/base/task.hpp"
#include "resolver/dnssec/validator.hpp"

namespace dnscache {

/// Looks a question up and validates the answer; silent when the deadline comes before, or an event
/// that ends it. `question`, `outcome` and `inbox`, which nothing else may use, outlive it.
Async<Done> validate(std::shared_ptr<Validator> validator, const StoredQuestion& question,
                     TimePoint deadline, Inbox& inbox, Outcome& outcome);

}  // namespace dnscache
