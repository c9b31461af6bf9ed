// dnsmasq's configuration, read and put into our own terms.
#pragma once

#include <filesystem>
#include <optional>

#include "cli/import/files.hpp"
#include "cli/import/translation.hpp"

namespace dnscache::cli {

/// Translates `file` with everything it includes. `resolv_file` stands for the file that dnsmasq
/// takes its servers from. An error only when `file` itself cannot be read.
Result<Translation> import_dnsmasq(const std::filesystem::path& file,
                                   const std::optional<std::filesystem::path>& resolv_file,
                                   const ImportFiles& files);

}  // namespace dnscache::cli
