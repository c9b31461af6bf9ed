#include "resolver/base/log.hpp"

#include <cstdlib>
#include <memory>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace dnscache {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
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

bool goes_to_journal() { return std::getenv("JOURNAL_STREAM") != nullptr; }

spdlog::logger& logger() {
  static const auto instance = [] {
    auto log = std::make_shared<spdlog::logger>("dnscachectl",
                                                std::make_shared<spdlog::sinks::stderr_sink_mt>());
    log->set_level(spdlog::level::warn);
    log->set_pattern(goes_to_journal() ? "%v" : "%Y-%m-%dT%H:%M:%S.%e %l %v");
    log->flush_on(spdlog::level::debug);
    return log;
  }();
  return *instance;
}

}  // namespace

void start_logging(LogLevel level) { logger().set_level(to_spdlog(level)); }

bool is_logged(LogLevel level) { return logger().should_log(to_spdlog(level)); }

void log_line(LogLevel level, std::string_view line) {
  if (goes_to_journal()) {
    logger().log(to_spdlog(level), "{}{}", journal_prefix(level), line);
  } else {
    logger().log(to_spdlog(level), "{}", line);
  }
}

}  // namespace dnscache
