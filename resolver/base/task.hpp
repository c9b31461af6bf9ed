// Coroutines that run by themselves, and coroutines that others await.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>
#include <variant>

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

/// The result of a coroutine that has none.
using Done = std::monostate;

/// A coroutine that starts when it is awaited, once, and gives its result to whoever awaits it.
template <typename T>
class [[nodiscard]] Async {
 public:
  struct promise_type {
    Async get_return_object() {
      return Async(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct Final {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        return self.promise().waiter;
      }
      void await_resume() noexcept {}
    };
    Final final_suspend() noexcept { return {}; }
    void return_value(T value) { result.emplace(std::move(value)); }
    void unhandled_exception() { std::terminate(); }

    std::coroutine_handle<> waiter;
    std::optional<T> result;
  };

  explicit Async(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}
  Async(Async&& other) noexcept : coroutine_(std::exchange(other.coroutine_, {})) {}
  Async& operator=(Async&&) = delete;
  ~Async() {
    if (coroutine_) coroutine_.destroy();
  }

  bool await_ready() const { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) {
    coroutine_.promise().waiter = waiter;
    return coroutine_;
  }
  T await_resume() { return std::move(*coroutine_.promise().result); }

 private:
  std::coroutine_handle<promise_type> coroutine_;
};

}  // namespace dnscache
