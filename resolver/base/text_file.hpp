// Small text files, read whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "resolver/base/error.hpp"

namespace dnscache {

inline constexpr std::size_t max_text_file_size = 1u << 20;  ///< bytes

/// The content of a regular file or pipe of at most `max_size` bytes. The error begins with the
/// path.
Result<std::string> read_text_file(const std::filesystem::path& path,
                                   std::size_t max_size = max_text_file_size);

}  // namespace dnscache
