// Another program's configuration in our own terms: lines, and what became of each.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/config/read.hpp"

namespace dnscache::cli {

/// What became of a line.
enum class LineResult {
  kept,        ///< a setting of the same meaning and value
  translated,  ///< settings that together mean the same
  not_needed,  ///< nothing has to be set for it
  refused,     ///< has no counterpart, or not as a whole
};
inline constexpr auto result_words = words_of<LineResult>({{LineResult::kept, "kept"},
                                                           {LineResult::translated, "translated"},
                                                           {LineResult::not_needed, "not needed"},
                                                           {LineResult::refused, "refused"}});

/// One option of the other program's configuration and what became of it.
struct TranslatedLine {
  std::string file;
  int line = 0;  ///< from 1; 0: not written anywhere, a default of the other program
  std::string text;
  LineResult result = LineResult::refused;
  std::string explanation;  ///< to which settings, or why not and what to do instead

  /// "dnsmasq.conf:5: cache-size=1000"
  std::string origin() const;
};

/// A configuration that means the same as the other program's, and how it came about.
struct Translation {
  std::string program;  ///< whose configuration it was: "dnsmasq"
  Config config;
  std::vector<TranslatedLine> lines;  ///< every option that was read, in order
  Origins origins;
  /// The names in the block list that goes with the configuration, one a line; empty: none.
  std::string block_list;

  std::size_t count(LineResult result) const;
};

}  // namespace dnscache::cli
