#include "cli/import/files.hpp"

#include <fnmatch.h>

#include <algorithm>

#include "resolver/base/text_file.hpp"

namespace dnscache::cli {
namespace {

constexpr std::size_t max_size = 512u << 20;  // bytes; block lists are among these files

}  // namespace

ImportFiles real_files() {
  const auto list = [](const std::filesystem::path& folder) -> Result<std::vector<std::string>> {
    std::error_code error;
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      std::error_code unknown;
      if (entry.is_regular_file(unknown)) names.push_back(entry.path().filename().string());
    }
    if (error) return Error{folder.string() + ": cannot be read: " + error.message()};
    return names;
  };
  return {[](const std::filesystem::path& path) { return read_text_file(path, max_size); }, list};
}

std::filesystem::path absolute_path(const std::string& text) {
  std::filesystem::path path = std::filesystem::path("/") / text;
  path = path.lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

Result<std::vector<std::filesystem::path>> matching_files(const std::filesystem::path& pattern,
                                                          const ImportFiles& files) {
  const std::string last = pattern.filename().string();
  if (last.find_first_of("*?[") == std::string::npos) return std::vector{pattern};
  const auto names = files.list(pattern.parent_path());
  if (!names) return names.error();
  std::vector<std::filesystem::path> matching;
  for (const std::string& name : *names) {
    if (::fnmatch(last.c_str(), name.c_str(), FNM_PERIOD) != 0) continue;
    matching.push_back(pattern.parent_path() / name);
  }
  std::ranges::sort(matching);
  return matching;
}

}  // namespace dnscache::cli
