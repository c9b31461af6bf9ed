// systemd-resolved's configuration, read and put into our own terms.
#pragma once

#include <filesystem>

#include "cli/import/files.hpp"
#include "cli/import/translation.hpp"

namespace dnscache::cli {

/// Translates resolved.conf(5) with its drop-ins: those in `file`.d, and for the file in
/// /etc/systemd those in /run and /usr/lib as well. An error only when nothing can be read.
Result<Translation> import_resolved(const std::filesystem::path& file, const ImportFiles& files);

}  // namespace dnscache::cli
