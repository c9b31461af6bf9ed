// The form of named.conf(5): statements of words that end with a semicolon, and may have a block.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace dnscache::cli::bind {

/// "listen-on port 53 { 127.0.0.1; };"
struct Statement {
  std::vector<std::string> words;  ///< without quotes; those behind the block as well
  bool has_block = false;
  std::vector<Statement> block;
  int line = 0;         ///< where it begins, from 1
  std::string text;     ///< as it was written, on one line and cut where it is long
  bool is_cut = false;  ///< the file ended in it

  const std::string& word(std::size_t index) const;
};

/// Any text has statements; what is not well formed ends with the file.
std::vector<Statement> parse_statements(std::string_view text);

}  // namespace dnscache::cli::bind
