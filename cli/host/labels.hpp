// The SELinux label of what setup writes.
#pragma once

#include <filesystem>

#include "cli/host/file_state.hpp"

namespace dnscache::cli {

/// Gives a file or folder that was just written the label that the policy has for its path. Where
/// restorecon(8) is missing, as in a builder of images, that of the file before it, or else of its
/// folder, which is what most policies say. Nothing happens where files have no labels.
void restore_label(const std::filesystem::path& path, const FileState& before = {});

}  // namespace dnscache::cli
