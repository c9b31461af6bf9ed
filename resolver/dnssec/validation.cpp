#include "resolver/dnssec/validation.hpp"

#include <utility>

namespace dnscache {

Async<Done> validate(std::shared_ptr<Validator> validator, const StoredQuestion& question,
                     TimePoint deadline, Inbox& inbox, Outcome& outcome) {
  const auto verdict = std::make_shared<Finding<Outcome>>(inbox);
  OutcomeFunction take = [verdict](Outcome found) { verdict->put(std::move(found)); };
  validator->ask(question.get(), std::move(take));
  auto found = co_await wait_for(verdict, deadline);
  if (found) outcome = std::move(*found);
  co_return Done();
}

}  // namespace dnscache
