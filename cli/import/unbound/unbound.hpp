// Unbound's configuration, read and put into our own terms.
#pragma once

#include <filesystem>

#include "cli/import/files.hpp"
#include "cli/import/translation.hpp"

namespace dnscache::cli {

/// Translates unbound.conf(5) with everything it includes. An error only when `file` itself cannot
/// be read.
Result<Translation> import_unbound(const std::filesystem::path& file, const ImportFiles& files);

}  // namespace dnscache::cli
