// resolvconf(8), Debian's and openresolv: the cache is a record of its own, which they list first.
#pragma once

#include <filesystem>
#include <string>

#include "cli/host/source.hpp"

namespace dnscache::cli {

Source resolvconf_source();
Source openresolv_source();

/// The setting that keeps other servers listed after one at a loopback address, and its file.
struct ResolvconfSetting {
  std::filesystem::path file;
  std::string line;
};
ResolvconfSetting resolvconf_setting(bool is_openresolv);

/// `text` with the setting at its end, where it counts; itself if it is there already.
std::string with_setting(const std::string& text, const ResolvconfSetting& setting);

/// Which one writes /etc/resolv.conf below `root`; systemd-resolved's command of the name is
/// neither.
bool is_resolvconf_here(const std::filesystem::path& root);
bool is_openresolv_here(const std::filesystem::path& root);

/// A text without such a line and its comment; nothing if they are not there.
std::optional<std::string> without_setting(const std::string& text);

}  // namespace dnscache::cli
