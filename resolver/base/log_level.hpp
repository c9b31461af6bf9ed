// How important a line of the log is.
#pragma once

namespace dnscache {

enum class LogLevel { debug, info, warning, error };

}  // namespace dnscache
