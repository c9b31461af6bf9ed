// The links that start a unit at boot, made and removed without asking systemd.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

inline constexpr const char* unit_directory = "/etc/systemd/system";

/// systemd is the service manager of the machine whose files lie below `root`, and runs.
bool is_systemd_here(const std::filesystem::path& root = {});

/// Where its file is, in the order in which systemd looks; without `root`.
Result<std::filesystem::path> find_unit(const std::filesystem::path& root, const std::string& unit);

/// The links to `unit` in the .wants and .requires folders of /etc/systemd/system.
std::vector<std::filesystem::path> links_to_unit(const std::filesystem::path& root,
                                                 const std::string& unit);

/// Removes those links, and folders that are empty then; what `systemctl disable` does.
Result<void> remove_links_to_unit(const std::filesystem::path& root, const std::string& unit);

/// Makes the links that the unit's [Install] section names; what `systemctl --root enable` does.
Result<void> make_links_to_unit(const std::filesystem::path& root, const std::string& unit);

}  // namespace dnscache::cli
