// What an earlier setup left on this machine, found without its journal.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/host/journal.hpp"

namespace dnscache::cli {

/// The changes that setup must have made here, as files and their content show.
struct Remains {
  std::vector<JournalEntry> entries;  ///< in the order of a setup
  std::vector<std::string> altered;   ///< files of ours by their names that say something else
  bool is_empty() const { return entries.empty() && altered.empty(); }
};

/// Looks for our files below `root`. What setup had replaced is lost with the journal: of
/// /etc/resolv.conf, what stands beside the cache's lines counts as its former content. With
/// `takes_altered` the altered files are entries as well.
Remains find_remains(const std::filesystem::path& root, bool takes_altered = false);

/// A text without the two comment lines and the name server that setup puts into resolv.conf;
/// nothing if they are not there.
std::optional<std::string> without_cache(std::string_view resolv_conf);

}  // namespace dnscache::cli
