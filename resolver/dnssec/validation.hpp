// One question on its way through the validator.
#pragma once

#include <coroutine>
#include <memory>

#include "resolver/dnssec/validator.hpp"

namespace dnscache {

/// One question that is looked up and validated, until its answer or the deadline. To be used as
/// `Outcome outcome = co_await validation;`, once.
class Validation {
 public:
  Validation(std::shared_ptr<Validator> validator, const Question& question, Timers& timers,
             TimePoint deadline);
  ~Validation() { *self_ = nullptr; }
  Validation(const Validation&) = delete;
  Validation& operator=(const Validation&) = delete;

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter);
  Outcome await_resume() { return std::move(outcome_); }

  /// Ends the validation as if no upstream had answered.
  void give_up();

 private:
  void finish(Outcome outcome);

  std::shared_ptr<Validator> validator_;
  const Question& question_;
  TimePoint deadline_;
  Timer timer_;
  std::coroutine_handle<> waiter_;
  Outcome outcome_;
  std::shared_ptr<Validation*> self_;  // for the answer, which may come when this is gone
};

}  // namespace dnscache
