// Coroutines that run by themselves.
#pragma once

#include <coroutine>
#include <exception>

namespace dnscache {

/// A coroutine that starts at once and destroys itself at its end; nobody awaits it.
struct Task {
  struct promise_type {
    Task get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

}  // namespace dnscache
