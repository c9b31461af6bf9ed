#include "resolver/log.hpp"

#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fmt/format.h>
#include <string>

namespace dnscache {
namespace {

std::atomic<LogLevel> lowest = LogLevel::warning;

const char* level_text(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "";
}

// sd-daemon(3): journald reads the priority from a prefix.
const char* journal_prefix(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "<7>";
    case LogLevel::info:
      return "<6>";
    case LogLevel::warning:
      return "<4>";
    case LogLevel::error:
      return "<3>";
  }
  return "";
}

bool goes_to_journal() {
  static const bool result = std::getenv("JOURNAL_STREAM") != nullptr;
  return result;
}

// "2026-01-31T09:05:59.123", local time.
std::string time_text() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm local{};
  ::localtime_r(&now.tv_sec, &local);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}", local.tm_year + 1900,
                     local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec,
                     now.tv_nsec / 1'000'000);
}

}  // namespace

void start_logging(LogLevel level) { lowest = level; }

bool is_logged(LogLevel level) { return level >= lowest; }

void log_line(LogLevel level, std::string_view line) {
  if (!is_logged(level)) return;
  const std::string text = goes_to_journal()
                               ? fmt::format("{}{}\n", journal_prefix(level), line)
                               : fmt::format("{} {} {}\n", time_text(), level_text(level), line);
  // One call, so that the lines of several threads do not mix; nobody could be told if it fails.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace dnscache
