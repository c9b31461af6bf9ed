// Whether a change of the machine may begin.
#pragma once

#include <filesystem>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// Only root may change a machine; files below another root are whoever's they are.
Result<void> check_rights(const std::filesystem::path& root, const char* command);

/// Asks at the terminal; true without asking if `is_confirmed`.
Result<bool> confirm(bool is_confirmed, const char* question);

}  // namespace dnscache::cli
