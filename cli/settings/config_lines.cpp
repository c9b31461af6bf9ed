#include "cli/settings/config_lines.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <fstream>
#include <sstream>

#include "resolver/base/text_file.hpp"
#include "resolver/config/read.hpp"
#include "resolver/local/block_list.hpp"
#include "resolver/local/hosts.hpp"

namespace dnscache::cli {

namespace {

std::vector<std::string> words_of(std::string line) {
  line.erase(std::min(line.find('#'), line.size()));
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

bool is_name(const std::string& text, const Name& name) {
  const auto parsed = Name::parse(text);
  return parsed && *parsed == name;
}

template <class Test>
std::optional<Where> first_line(const std::filesystem::path& file, Test test) {
  std::ifstream in(file);
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (test(line)) return Where{file.string(), number};
  }
  return std::nullopt;
}

const YamlNode* member(const YamlNode& map, std::string_view key) {
  for (std::size_t i = 0; i < map.keys.size() && i < map.items.size(); ++i) {
    if (map.keys[i].text == key) return &map.items[i];
  }
  return nullptr;
}

}  // namespace

std::string Where::to_text() const { return line == 0 ? file : fmt::format("{}:{}", file, line); }

ConfigLines::ConfigLines(const std::filesystem::path& file) {
  const auto text = read_text_file(file);
  if (text) *this = ConfigLines(file.string(), *text);
}

ConfigLines::ConfigLines(std::string file, std::string_view text) : file_(std::move(file)) {
  std::vector<Problem> ignored;
  root_ = parse_yaml(text, file_, ignored);
  config_ = read_config(text, file_).config;
}

const YamlNode* ConfigLines::find(std::string_view path) const {
  const YamlNode* node = &root_;
  while (node != nullptr && !path.empty()) {
    const auto dot = std::min(path.find('.'), path.size());
    node = member(*node, path.substr(0, dot));
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return node;
}

std::optional<Where> ConfigLines::at(const YamlNode& node) const {
  if (node.place.line == 0) return std::nullopt;
  return Where{file_, node.place.line};
}

// The key's line; a value may begin on the next one.
std::optional<Where> ConfigLines::setting(std::string_view path) const {
  const auto dot = path.rfind('.');
  const auto* parent = dot == path.npos ? &root_ : find(path.substr(0, dot));
  const auto key = dot == path.npos ? path : path.substr(dot + 1);
  if (parent == nullptr) return std::nullopt;
  const auto found = std::ranges::find(parent->keys, key, &YamlNode::text);
  return found == parent->keys.end() ? std::nullopt : at(*found);
}

std::optional<Where> ConfigLines::zone(std::string_view list, const Name& zone) const {
  const auto* node = find(list);
  if (node == nullptr) return std::nullopt;
  for (const auto& item : node->items) {
    const auto* named = item.kind == YamlNode::Kind::map ? member(item, "zone") : &item;
    if (named != nullptr && is_name(named->text, zone)) return at(*named);
  }
  return std::nullopt;
}

std::optional<Where> ConfigLines::record(const Name& name,
                                         const std::optional<IpAddress>& address) const {
  const auto* node = find("local.records");
  if (node == nullptr) return std::nullopt;
  for (const auto& item : node->items) {
    const auto words = words_of(item.text);
    if (words.empty()) continue;
    const bool has_address = address && IpAddress::parse(words.back()) == address;
    if (is_name(words.front(), name) || has_address) return at(item);
  }
  return std::nullopt;
}

std::optional<Where> find_in_hosts(const std::filesystem::path& file, const Name& name,
                                   const std::optional<IpAddress>& address) {
  return first_line(file, [&](const std::string& line) {
    const auto words = words_of(line);
    if (words.size() < 2) return false;
    if (address && IpAddress::parse(words.front()) == address) return true;
    return std::any_of(words.begin() + 1, words.end(),
                       [&](const std::string& word) { return is_name(word, name); });
  });
}

std::optional<Where> find_in_block_lists(const std::vector<std::filesystem::path>& files,
                                         const Name& name) {
  for (const auto& file : files) {
    const auto found = first_line(file, [&](const std::string& line) {
      bool is_there = false;
      read_block_list(line, [&](const Name& blocked, bool) { is_there |= blocked == name; });
      return is_there;
    });
    if (found) return found;
  }
  return std::nullopt;
}

std::optional<IpAddress> address_of_reverse(const Name& name) {
  static const Name v4_zone = *Name::parse("in-addr.arpa");
  static const Name v6_zone = *Name::parse("ip6.arpa");
  const bool is_v4 = name.is_within(v4_zone) && name.label_count() == 6;
  const bool is_v6 = name.is_within(v6_zone) && name.label_count() == 34;
  if (!is_v4 && !is_v6) return std::nullopt;
  std::istringstream labels(name.to_text());
  std::string text;
  int count = 0;
  for (std::string label; count < (is_v4 ? 4 : 32) && std::getline(labels, label, '.'); ++count) {
    const bool has_separator = count > 0 && (is_v4 || count % 4 == 0);
    text = label + (has_separator ? (is_v4 ? "." : ":") : "") + text;
  }
  return IpAddress::parse(text);
}

}  // namespace dnscache::cli
