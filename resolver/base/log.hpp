// The program's log: to stderr, or to the systemd journal with its priorities.
#pragma once

#include <fmt/core.h>
#include <string_view>
#include <utility>

#include "resolver/base/log_level.hpp"

namespace dnscache {

/// Messages below `level` are dropped from now on. Before the first call, `warning` is the level.
/// With JOURNAL_STREAM set (systemd) lines carry "<N>" priorities, else time and level.
void start_logging(LogLevel level);

void log_line(LogLevel level, std::string_view line);
bool is_logged(LogLevel level);

template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  if (is_logged(LogLevel::debug))
    log_line(LogLevel::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  if (is_logged(LogLevel::info))
    log_line(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace dnscache
