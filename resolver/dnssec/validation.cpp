#include "resolver/dnssec/validation.hpp"

#include <utility>

namespace dnscache {
namespace {

/// What the validator answers, which may come when nobody waits any more.
struct Verdict {
  explicit Verdict(Inbox& waiting) : inbox(&waiting) {}
  void take(Outcome what) {
    outcome = std::move(what);
    if (inbox != nullptr) inbox->put(Event::Kind::done);
  }

  Inbox* inbox;  // null: too late
  Outcome outcome;
};

}  // namespace

Async<Outcome> validate(std::shared_ptr<Validator> validator, const Question& question,
                        TimePoint deadline, Inbox& inbox) {
  const auto verdict = std::make_shared<Verdict>(inbox);
  OutcomeFunction take = [verdict](Outcome outcome) { verdict->take(std::move(outcome)); };
  validator->ask(question, std::move(take));
  // Other servers answer the validator's own queries, if they change meanwhile.
  Event event(Event::Kind::servers_changed);
  while (event.kind == Event::Kind::servers_changed) event = co_await inbox.next(deadline);
  verdict->inbox = nullptr;
  co_return std::move(verdict->outcome);
}

}  // namespace dnscache
