#include "cli/import/translation.hpp"

#include <algorithm>
#include <filesystem>

#include "resolver/base/text.hpp"

namespace dnscache::cli {

std::string TranslatedLine::origin() const {
  return std::filesystem::path(file).filename().string() + ':' + std::to_string(line) + ": " +
         printable(text);
}

std::size_t Translation::count(LineResult result) const {
  return static_cast<std::size_t>(std::ranges::count(lines, result, &TranslatedLine::result));
}

}  // namespace dnscache::cli
