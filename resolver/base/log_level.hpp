// How important a line of the log is.
#pragma once

#include "resolver/base/words.hpp"

namespace dnscache {

enum class LogLevel { debug, info, warning, error };
inline constexpr auto log_level_words = words_of<LogLevel>({{LogLevel::debug, "debug"},
                                                            {LogLevel::info, "info"},
                                                            {LogLevel::warning, "warning"},
                                                            {LogLevel::error, "error"}});

}  // namespace dnscache
