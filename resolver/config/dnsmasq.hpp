// dnsmasq's configuration, read and put into our own terms.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "resolver/config/read.hpp"
#include "resolver/error.hpp"

namespace dnscache {

/// What became of a line of dnsmasq's configuration.
enum class Fate {
  kept,        ///< a setting of the same meaning and value
  translated,  ///< settings that together mean the same
  not_needed,  ///< nothing has to be set for it
  refused,     ///< has no counterpart, or not as a whole
};

std::string_view fate_text(Fate fate);

/// One option of dnsmasq's configuration and what became of it.
struct DnsmasqLine {
  std::string file;
  int line = 0;  ///< from 1; 0: not written anywhere, a default of dnsmasq's
  std::string text;
  Fate fate = Fate::refused;
  std::string explanation;  ///< to which settings, or why not and what to do instead

  /// "dnsmasq.conf:5: cache-size=1000"
  std::string origin() const;
};

/// A configuration that means the same as dnsmasq's, and how it came about.
struct DnsmasqImport {
  Config config;
  std::vector<DnsmasqLine> lines;  ///< every option that was read, in order
  Origins origins;

  std::size_t refused() const;
};

/// How files are looked at; the errors begin with the path.
struct DnsmasqFiles {
  std::function<Result<std::string>(const std::filesystem::path&)> read;
  /// The names of the regular files in a folder.
  std::function<Result<std::vector<std::string>>(const std::filesystem::path&)> list;
};

/// The files of this machine.
DnsmasqFiles real_files();

/// Translates `file` with everything it includes. `resolv_file` stands for the file that dnsmasq
/// takes its servers from. An error only when `file` itself can't be read.
Result<DnsmasqImport> import_dnsmasq(const std::filesystem::path& file,
                                     const std::optional<std::filesystem::path>& resolv_file,
                                     const DnsmasqFiles& files);

}  // namespace dnscache
