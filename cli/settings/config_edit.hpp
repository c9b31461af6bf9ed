// Changing one setting in the text of a configuration file; everything else stays as it is written.
#pragma once

#include <string>
#include <string_view>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// The text with `key` ("cache.size") set to `value`, which is YAML; for a list the elements may be
/// separated by commas instead. Comments stay, but for those within the value that is replaced.
/// Errors: no such setting, or text or value that is no YAML.
Result<std::string> with_setting(std::string_view text, std::string_view key,
                                 std::string_view value);

/// The text without `key`, so that its default counts.
Result<std::string> without_setting(std::string_view text, std::string_view key);

}  // namespace dnscache::cli
