// Expected failures as values: Error, Result<T> and the process exit codes.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace dnscache {

/// The stable exit codes of the program, see EXIT STATUS in dnscachectl(1).
enum class ExitCode : int {
  done = 0,           ///< done, or nothing had to change
  failure = 1,        ///< the operation failed
  usage = 2,          ///< the command line was wrong
  not_running = 3,    ///< no engine answers
  no_rights = 4,      ///< the caller may not do this
  check_failed = 5,   ///< a check found problems
  rolled_back = 6,    ///< a self-test failed and every change was undone
  bypassed = 7,       ///< `status`: programs do not ask the cache
  failing = 8,        ///< `status`: programs get no answers
  would_change = 10,  ///< with --detailed-exitcode: something was changed, or would be
  /// `serve`: the configuration cannot be used, and none is known that could (EX_CONFIG,
  /// sysexits(3))
  bad_configuration = 78,
};

/// An expected failure: one line that says what failed and, where there is one, what to do next.
struct Error {
  std::string message;                ///< one line, no trailing full stop or newline
  ExitCode code = ExitCode::failure;  ///< what the process returns if nobody handles it
};

/// The errno value as text without its number, "Permission denied" (thread-safe).
std::string errno_text(int error_number);

/// `what: strerror(errno)`, with ExitCode::no_rights for EACCES and EPERM.
Error system_error(std::string_view what, int error_number);

/// A value, or the Error that says why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT: implicit on purpose
  Result(Error error) : state_(std::move(error)) {}  // NOLINT: implicit on purpose

  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() { return std::get<0>(state_); }
  const T& operator*() const { return std::get<0>(state_); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

/// Success, or the Error that says why not.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), failed_(true) {}  // NOLINT: implicit on purpose

  explicit operator bool() const { return !failed_; }
  const Error& error() const { return error_; }

 private:
  Error error_;
  bool failed_ = false;
};

}  // namespace dnscache
