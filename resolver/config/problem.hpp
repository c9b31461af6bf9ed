// What can be wrong with a configuration file, and where.
#pragma once

#include <string>

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

}  // namespace dnscache
