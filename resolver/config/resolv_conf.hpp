// resolv.conf(5): read it, and put other servers into it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/base/endpoint.hpp"
#include "resolver/base/error.hpp"

namespace dnscache {

/// What a resolv.conf says, as glibc reads it.
struct ResolvConf {
  /// A line that glibc does not understand and therefore ignores.
  struct IgnoredLine {
    std::size_t number = 0;  ///< from 1
    std::string text;

    bool operator==(const IgnoredLine&) const = default;
  };

  std::vector<Endpoint> nameservers;  ///< port 53; all of them, although glibc asks only three
  std::vector<std::string> search;    ///< of the last "search" or "domain" line
  std::vector<std::string> options;   ///< of all "options" lines, such as "ndots:2"
  std::vector<IgnoredLine> ignored;

  bool operator==(const ResolvConf&) const = default;
};

/// Any text has a meaning: lines that cannot be understood are ignored, as glibc does.
ResolvConf parse_resolv_conf(std::string_view text);

/// Reads the file; the error begins with its path.
Result<ResolvConf> read_resolv_conf(const std::filesystem::path& path);

/// The text with these name servers instead of those in it and every other line as it was, byte for
/// byte. The new lines stand where the first one stood, or else at the end.
std::string replace_nameservers(std::string_view original,
                                const std::vector<IpAddress>& nameservers);

}  // namespace dnscache
