// Undoing what an earlier run did to this machine.
#pragma once

#include <filesystem>

#include "cli/host/apply.hpp"
#include "cli/host/engine_process.hpp"

namespace dnscache::cli {

/// What undo() of a journal needs on a real machine.
Actions actions_for_undo(const std::filesystem::path& root);

/// A run that was killed left a journal; the machine goes back to its last sane state first.
Result<void> complete_undo(Journal& journal, const std::filesystem::path& root);

}  // namespace dnscache::cli
