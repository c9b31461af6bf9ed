// `dnscachectl reload`: the running engine reads its configuration again.
#pragma once

#include <filesystem>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// Returns when the new configuration is in force. ExitCode::check_failed, with a line for each
/// problem, when it cannot be used and the old one stays in force.
Result<ExitCode> run_reload(const std::filesystem::path& control);

}  // namespace dnscache::cli
