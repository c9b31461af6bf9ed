#include "cli/host/systemd/unit_links.hpp"

#include <fmt/format.h>
#include <sstream>

#include "cli/host/image.hpp"
#include "cli/host/journal.hpp"
#include "resolver/base/text_file.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;

// The folders' names: "sockets.target.wants".
std::vector<std::string> install_folders(const std::string& text) {
  std::vector<std::string> folders;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    for (const auto& [key, suffix] :
         {std::pair{"WantedBy=", ".wants"}, {"RequiredBy=", ".requires"}}) {
      if (!line.starts_with(key)) continue;
      std::istringstream words(line.substr(std::string_view(key).size()));
      for (std::string word; words >> word;) folders.push_back(word + suffix);
    }
  }
  return folders;
}

}  // namespace

bool is_systemd_here(const fs::path& root) {
  std::error_code ignored;
  // sd_booted(3). Builders of images may lend /run to a chroot: that systemd is another machine's.
  return root.empty() && fs::is_directory("/run/systemd/system", ignored) && !is_in_chroot();
}

Result<fs::path> find_unit(const fs::path& root, const std::string& unit) {
  for (const auto* directory : {unit_directory, "/usr/local/lib/systemd/system",
                                "/usr/lib/systemd/system", "/lib/systemd/system"}) {
    const auto path = fs::path(directory) / unit;
    std::error_code ignored;
    if (fs::exists(fs::symlink_status(below(root, path), ignored))) return path;
  }
  return Error{fmt::format("there is no unit {}", unit)};
}

std::vector<fs::path> links_to_unit(const fs::path& root, const std::string& unit) {
  std::vector<fs::path> links;
  std::error_code error;
  for (const auto& folder : fs::directory_iterator(below(root, unit_directory), error)) {
    const auto kind = folder.path().extension();
    if (kind != ".wants" && kind != ".requires") continue;
    std::error_code ignored;
    if (fs::is_symlink(folder.path() / unit, ignored)) links.push_back(folder.path() / unit);
  }
  return links;
}

Result<void> remove_links_to_unit(const fs::path& root, const std::string& unit) {
  for (const auto& link : links_to_unit(root, unit)) {
    std::error_code error;
    fs::remove(link, error);
    if (error) return system_error("cannot remove " + link.string(), error.value());
    if (fs::is_empty(link.parent_path(), error)) fs::remove(link.parent_path(), error);
  }
  return {};
}

Result<void> make_links_to_unit(const fs::path& root, const std::string& unit) {
  const auto file = find_unit(root, unit);
  if (!file) return file.error();
  const auto text = read_text_file(below(root, *file));
  if (!text) return text.error();
  for (const auto& name : install_folders(*text)) {
    const auto folder = below(root, fs::path(unit_directory) / name);
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return system_error("cannot make " + folder.string(), error.value());
    const auto link = folder / unit;
    if (fs::is_symlink(link, error)) continue;
    fs::create_symlink(*file, link, error);
    if (error) return system_error("cannot make " + link.string(), error.value());
  }
  return {};
}

}  // namespace dnscache::cli
