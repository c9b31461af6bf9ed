#include "resolver/dnssec/validation.hpp"

#include <utility>

namespace dnscache {

Async<Outcome> validate(std::shared_ptr<Validator> validator, const Question& question,
                        TimePoint deadline, Inbox& inbox) {
  const auto verdict = std::make_shared<Finding<Outcome>>(inbox);
  OutcomeFunction take = [verdict](Outcome outcome) { verdict->put(std::move(outcome)); };
  validator->ask(question, std::move(take));
  auto outcome = co_await wait_for(verdict, deadline);
  co_return outcome ? std::move(*outcome) : Outcome();
}

}  // namespace dnscache
