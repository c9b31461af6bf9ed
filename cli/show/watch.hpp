// A text that is shown again and again in the same place of a terminal.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "cli/show/output.hpp"
#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What is written to show `text` from the terminal's first line on, over what was there, without
/// a moment of emptiness in between. Lines beyond the last but one row are left out.
std::string frame_of(std::string_view text, std::size_t rows);

/// Shows what `draw` returns on a screen of its own, anew every `interval` and when the terminal's
/// size changes, until q or Ctrl-C is pressed; the last of it stays. An error of `draw` ends the
/// watching and is returned. A usage error where stdout is not a terminal.
Result<void> watch(std::chrono::milliseconds interval,
                   const std::function<Result<std::string>(const Terminal&)>& draw);

}  // namespace dnscache::cli
