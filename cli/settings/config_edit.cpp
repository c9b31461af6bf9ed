#include "cli/settings/config_edit.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <vector>

#include "resolver/base/text.hpp"
#include "resolver/config/schema.hpp"
#include "resolver/config/yaml.hpp"

namespace dnscache::cli {

namespace {

using Lines = std::vector<std::string>;

Lines split_lines(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return lines;
}

std::string join_lines(const Lines& lines) {
  std::string text;
  for (const auto& line : lines) text += line + '\n';
  return text;
}

std::vector<std::string> split_key(std::string_view key) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= key.size();) {
    const auto dot = std::min(key.find('.', at), key.size());
    parts.emplace_back(key.substr(at, dot - at));
    at = dot + 1;
  }
  return parts;
}

bool is_list(SettingType type) {
  switch (type) {
    case SettingType::addresses:
    case SettingType::upstreams:
    case SettingType::routes:
    case SettingType::zones:
    case SettingType::networks:
    case SettingType::paths:
    case SettingType::records:
    case SettingType::addresses_of_zones:
    case SettingType::trust_anchors:
      return true;
    default:
      return false;
  }
}

Result<const Setting*> find_setting(std::string_view key) {
  std::vector<std::string> keys;
  for (const auto& setting : settings()) {
    if (setting.key == key) return &setting;
    keys.push_back(setting.key);
  }
  const auto suggestion = nearest(key, keys);
  return Error{fmt::format("there is no setting '{}'{}; see dnscachectl.yaml(5)", printable(key),
                           suggestion.empty() ? "" : ", did you mean '" + suggestion + "'?"),
               ExitCode::usage};
}

Result<YamlNode> parse(std::string_view text, const std::string& what) {
  std::vector<Problem> problems;
  auto node = parse_yaml(text, what, problems);
  if (problems.empty()) return node;
  return Error{problems.front().to_text(), ExitCode::check_failed};
}

std::string flow_scalar(const YamlNode& node) {
  const bool is_special = node.text.find_first_of(",[]{}") != node.text.npos;
  return write_yaml(node.quoted || is_special ? YamlNode::quoted_scalar(node.text) : node, 0);
}

// In one line.
std::string flow_text(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::scalar) return flow_scalar(node);
  if (node.kind == YamlNode::Kind::null) return "null";
  std::string text;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    if (i > 0) text += ", ";
    if (node.kind == YamlNode::Kind::map) text += node.keys[i].text + ": ";
    text += flow_text(node.items[i]);
  }
  return node.kind == YamlNode::Kind::map ? '{' + text + '}' : '[' + text + ']';
}

// "a, b" becomes a list of the two.
YamlNode list_of(const YamlNode& scalar) {
  std::vector<YamlNode> items;
  std::string_view rest = scalar.text;
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(','), rest.size());
    std::string item(rest.substr(0, comma));
    item.erase(0, item.find_first_not_of(' '));
    item.erase(item.find_last_not_of(' ') + 1);
    if (!item.empty()) items.push_back(YamlNode::quoted_scalar(std::move(item)));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return YamlNode::list(std::move(items));
}

Result<YamlNode> value_of(const Setting& setting, std::string_view value) {
  auto node = parse(value, "the value");
  if (!node) return node;
  const bool is_one = node->kind == YamlNode::Kind::scalar;
  return is_list(setting.type) && is_one ? list_of(*node) : *node;
}

bool is_blank_or_comment(const std::string& line) {
  const auto first = line.find_first_not_of(" \t\r");
  return first == line.npos || line[first] == '#';
}

// " # why", with the blanks before it; not a '#' in quotes.
std::string comment_of(const std::string& line) {
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quote != 0) {
      if (line[i] == quote) quote = 0;
    } else if (line[i] == '"' || line[i] == '\'') {
      quote = line[i];
    } else if (line[i] == '#' && i > 0 && line[i - 1] == ' ') {
      return line.substr(line.find_last_not_of(' ', i - 1) + 1);
    }
  }
  return {};
}

std::optional<std::size_t> index_of(const YamlNode& map, const std::string& key) {
  const auto found = std::ranges::find(map.keys, key, &YamlNode::text);
  if (map.kind != YamlNode::Kind::map || found == map.keys.end()) return {};
  return static_cast<std::size_t>(found - map.keys.begin());
}

bool is_only_entry(const YamlNode& root, const std::vector<std::string>& parts) {
  const YamlNode* map = &root;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    const auto index = index_of(*map, parts[i]);
    if (!index) return false;
    map = &map->items[*index];
  }
  return map->kind == YamlNode::Kind::map && map->keys.size() == 1 &&
         map->keys.front().text == parts.back();
}

/// A setting's way through the maps of a file, as far as it is written.
class Path {
 public:
  Path(Lines& lines, YamlNode& root, std::vector<std::string> parts)
      : lines_(lines), parts_(std::move(parts)), node_(&root), end_(lines.size()) {
    while (depth_ < parts_.size() && !is_flow_) descend();
  }

  void set(const YamlNode& value) {
    if (is_flow_) {
      set_below(*node_, depth_, value);
      return replace_entry(flow_text(*node_));
    }
    if (is_whole()) return replace_entry(flow_text(value));
    insert(value);
  }

  // False when it is not written.
  bool remove() {
    if (is_flow_) {
      if (!remove_below(*node_, depth_)) return false;
      replace_entry(flow_text(*node_));
      return true;
    }
    if (!is_whole()) return false;
    lines_.erase(lines_.begin() + begin(), lines_.begin() + end());
    return true;
  }

 private:
  bool is_whole() const { return depth_ == parts_.size(); }
  std::ptrdiff_t begin() const { return static_cast<std::ptrdiff_t>(begin_); }
  std::ptrdiff_t end() const { return static_cast<std::ptrdiff_t>(end_); }

  // Into the map that the next part names; ends where there is none.
  void descend() {
    const auto index = index_of(*node_, parts_[depth_]);
    if (!index) {
      stop_here();
      return;
    }
    const YamlNode& key = node_->keys[*index];
    begin_ = static_cast<std::size_t>(key.place.line) - 1;
    indent_ = static_cast<std::size_t>(key.place.column) - 1;
    if (*index + 1 < node_->keys.size()) {
      end_ = static_cast<std::size_t>(node_->keys[*index + 1].place.line) - 1;
    }
    while (end_ > begin_ + 1 && is_blank_or_comment(lines_[end_ - 1])) --end_;
    node_ = &node_->items[*index];
    is_flow_ = node_->kind == YamlNode::Kind::map && character_at(node_->place) == '{' &&
               depth_ + 1 < parts_.size();
    ++depth_;
    known_ = depth_;
  }

  void stop_here() {
    known_ = depth_;
    depth_ = parts_.size() + 1;  // not whole
  }

  char character_at(Place place) const {
    const auto& line = lines_.at(static_cast<std::size_t>(place.line) - 1);
    const auto column = static_cast<std::size_t>(place.column) - 1;
    return column < line.size() ? line[column] : '\0';
  }

  // The comment behind a value in one line is about the setting, and stays.
  void replace_entry(const std::string& value) {
    const auto comment = end_ == begin_ + 1 ? comment_of(lines_[begin_]) : std::string();
    const auto& key = parts_[known_ - 1];
    lines_[begin_] = std::string(indent_, ' ') + key + ": " + value + comment;
    lines_.erase(lines_.begin() + begin() + 1, lines_.begin() + end());
  }

  void insert(const YamlNode& value) {
    std::size_t indent = known_ == 0 ? 0 : indent_ + 2;
    if (node_->kind == YamlNode::Kind::map && !node_->keys.empty()) {
      indent = static_cast<std::size_t>(node_->keys.front().place.column) - 1;
    }
    Lines added;
    for (std::size_t i = known_; i < parts_.size(); ++i, indent += 2) {
      added.push_back(std::string(indent, ' ') + parts_[i] + ':');
    }
    added.back() += ' ' + flow_text(value);
    lines_.insert(lines_.begin() + end(), added.begin(), added.end());
  }

  void set_below(YamlNode& map, std::size_t depth, const YamlNode& value) {
    auto index = index_of(map, parts_[depth]);
    if (!index) {
      index = map.items.size();
      map.kind = YamlNode::Kind::map;
      map.keys.push_back(YamlNode::scalar(parts_[depth]));
      map.items.emplace_back();
    }
    if (depth + 1 == parts_.size()) {
      map.items[*index] = value;
    } else {
      set_below(map.items[*index], depth + 1, value);
    }
  }

  bool remove_below(YamlNode& map, std::size_t depth) {
    const auto index = index_of(map, parts_[depth]);
    if (!index) return false;
    if (depth + 1 < parts_.size()) return remove_below(map.items[*index], depth + 1);
    map.keys.erase(map.keys.begin() + static_cast<std::ptrdiff_t>(*index));
    map.items.erase(map.items.begin() + static_cast<std::ptrdiff_t>(*index));
    return true;
  }

  Lines& lines_;
  std::vector<std::string> parts_;
  YamlNode* node_;         // the value that was reached
  std::size_t depth_ = 0;  // parts that lead there
  std::size_t known_ = 0;  // parts that are written
  std::size_t begin_ = 0;  // lines of the entry that was reached
  std::size_t end_;        // behind its last
  std::size_t indent_ = 0;
  bool is_flow_ = false;  // it is a map in one line, like {a: b}
};

}  // namespace

Result<std::string> with_setting(std::string_view text, std::string_view key,
                                 std::string_view value) {
  const auto setting = find_setting(key);
  if (!setting) return setting.error();
  auto root = parse(text, "the configuration");
  if (!root) return root.error();
  const auto node = value_of(**setting, value);
  if (!node) return node.error();
  auto lines = split_lines(text);
  Path(lines, *root, split_key(key)).set(*node);
  return join_lines(lines);
}

Result<std::string> without_setting(std::string_view text, std::string_view key) {
  const auto setting = find_setting(key);
  if (!setting) return setting.error();
  auto root = parse(text, "the configuration");
  if (!root) return root.error();
  auto lines = split_lines(text);
  auto parts = split_key(key);
  // A map without entries would be a key without a value.
  while (parts.size() > 1 && is_only_entry(*root, parts)) parts.pop_back();
  if (!Path(lines, *root, parts).remove()) return std::string(text);
  return join_lines(lines);
}

}  // namespace dnscache::cli
