// The part of YAML that the configuration uses, as a tree with positions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resolver/config/problem.hpp"

namespace dnscache {

/// A value in a YAML document: nothing, a text, a list or a map. Texts are not interpreted: "no"
/// and "010" stay as they were written.
struct YamlNode {
  enum class Kind {
    null,
    scalar,
    list,
    map,
    refused,  ///< an alias, which has been reported as a problem
  };

  Kind kind = Kind::null;
  Place place;
  std::string text;             ///< of a scalar, UTF-8
  bool quoted = false;          ///< a scalar is, or must be, written in quotes
  std::vector<YamlNode> items;  ///< elements of a list, values of a map
  std::vector<YamlNode> keys;   ///< of a map, one for each of `items`

  static YamlNode scalar(std::string text);
  static YamlNode quoted_scalar(std::string text);
  static YamlNode list(std::vector<YamlNode> items);

  /// "a list", for messages.
  std::string_view kind_text() const;
};

/// Reads one document; an empty text is null. Whatever is not UTF-8, not YAML, an anchor, an alias,
/// a tag, a second document or nested deeper than 16 levels becomes a problem of `file`. Duplicate
/// keys are kept.
YamlNode parse_yaml(std::string_view text, const std::string& file, std::vector<Problem>& problems);

/// The node as YAML without a newline at its end: a scalar or an empty list in one line; a list as
/// lines of "- " and `indent` spaces before it, each begun by a newline; a map, which must be an
/// element of a list, as lines of "key: value" of which the first is not indented.
std::string write_yaml(const YamlNode& node, std::size_t indent);

}  // namespace dnscache
