// What can be wrong with a configuration file, and where.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dnscache {

/// A position in a text file, counted from 1; line 0 means the file as a whole.
struct Place {
  int line = 0;
  int column = 0;  ///< bytes

  bool operator==(const Place&) const = default;
};

/// One thing that is wrong with a configuration file.
struct Problem {
  std::string file;
  Place place;
  std::string key;      ///< dotted, "upstreams[1].address"; empty: no setting in particular
  std::string message;  ///< one line: what is wrong and what is allowed

  /// "file:line:column: key: message" without the parts that are unknown.
  std::string to_text() const;
};

/// The user's own words for a message: on one line, without control characters and cut after 80
/// bytes.
std::string printable(std::string_view text);
std::string in_quotes(std::string_view text);

/// "a, b or c"; `last` is the word before the last item.
std::string join_words(const std::vector<std::string>& words, std::string_view last = "or");

/// The candidate with the fewest typing errors; empty when none is near enough to be meant.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace dnscache
