#include "resolver/dnssec/validation.hpp"

#include <utility>

namespace dnscache {

Validation::Validation(std::shared_ptr<Validator> validator, const Question& question,
                       Timers& timers, TimePoint deadline)
    : validator_(std::move(validator)),
      question_(question),
      deadline_(deadline),
      timer_(timers, [this] { give_up(); }),
      self_(std::make_shared<Validation*>(this)) {}

void Validation::await_suspend(std::coroutine_handle<> waiter) {
  waiter_ = waiter;
  timer_.set(deadline_);
  validator_->ask(question_, [self = self_](Outcome outcome) {
    if (*self != nullptr) (*self)->finish(std::move(outcome));
  });
}

void Validation::give_up() { finish(Outcome{}); }

void Validation::finish(Outcome outcome) {
  *self_ = nullptr;
  timer_.cancel();
  outcome_ = std::move(outcome);
  waiter_.resume();  // which destroys this validation
}

}  // namespace dnscache
