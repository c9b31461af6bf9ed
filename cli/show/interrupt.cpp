#include "cli/show/interrupt.hpp"

#include <signal.h>

#include <atomic>

namespace dnscache::cli {

namespace {

std::atomic<int> came = 0;
static_assert(std::atomic<int>::is_always_lock_free);  // a signal handler writes it

void note(int number) { came = number; }

}  // namespace

void catch_interrupts(SecondInterrupt second) {
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = SA_RESTART;
  if (second == SecondInterrupt::ends_us) action.sa_flags |= static_cast<int>(SA_RESETHAND);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
}

int interrupting_signal() { return came; }

}  // namespace dnscache::cli
