#include "resolver/config/yaml.hpp"

#include <algorithm>
#include <optional>
#include <sstream>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

namespace dnscache {
namespace {

constexpr std::size_t max_depth = 16;  // the configuration needs four

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

/// Thrown out of yaml-cpp, whose parser would go on recursing.
struct TooDeep {
  Place place;
};

// yaml-cpp counts from 0 and has -1 for "nowhere".
Place place_of(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

// Nothing that is written out stands at its own place.
bool is_null_text(std::string_view text) {
  return text.starts_with('~') || text.starts_with("null") || text.starts_with("Null") ||
         text.starts_with("NULL");
}

/// Builds the tree from yaml-cpp's events.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, std::string file, std::vector<Problem>& problems)
      : text_(text), file_(std::move(file)), problems_(problems) {}

  YamlNode take_root() { return std::move(root_); }

  Place start() const { return start_; }

  void OnDocumentStart(const YAML::Mark& mark) override { start_ = place_of(mark); }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlNode node;
    node.place = place_before(mark);
    refuse_anchor(node.place, anchor);
    const auto here = static_cast<std::size_t>(std::max(mark.pos, 0));
    if (here < text_.size() && text_.substr(here).starts_with("null")) node.text = "null";
    add(std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    YamlNode node;
    node.kind = YamlNode::Kind::refused;
    node.place = place_of(mark);
    refuse(node.place, "aliases (*name) are not supported; write the value out");
    add(std::move(node));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = YamlNode::scalar(value);
    node.place = place_of(mark);
    node.quoted = tag == "!";
    refuse_tag(node.place, tag);
    refuse_anchor(node.place, anchor);
    add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor) {
    if (open_.size() == max_depth) throw TooDeep{place_of(mark)};
    YamlNode node;
    node.kind = kind;
    node.place = place_of(mark);
    refuse_tag(node.place, tag);
    refuse_anchor(node.place, anchor);
    open_.push_back(std::move(node));
  }

  void close() {
    YamlNode node = std::move(open_.back());
    open_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    YamlNode& parent = open_.back();
    const bool is_key =
        parent.kind == YamlNode::Kind::map && parent.keys.size() == parent.items.size();
    (is_key ? parent.keys : parent.items).push_back(std::move(node));
  }

  void refuse(Place place, std::string message) {
    problems_.push_back({file_, place, "", std::move(message)});
  }

  void refuse_anchor(Place place, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) refuse(place, "anchors (&name) are not supported; remove it");
  }

  // "?" stands for a plain value and "!" for one in quotes.
  void refuse_tag(Place place, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    refuse(place, "tags (!name) are not supported; remove it");
  }

  // An empty value is noticed only at what follows it; it belongs to what stands before.
  Place place_before(const YAML::Mark& mark) const {
    const auto here = static_cast<std::size_t>(std::max(mark.pos, 0));
    if (here < text_.size() && is_null_text(text_.substr(here))) return place_of(mark);
    const std::string_view before = text_.substr(0, here);
    const auto last = before.find_last_not_of(" \t\r\n");
    if (last == std::string_view::npos || here > text_.size()) return place_of(mark);
    const auto newlines = std::ranges::count(before.substr(last), '\n');
    if (newlines == 0) return {mark.line + 1, mark.column + 1 - static_cast<int>(here - last)};
    const auto line_start = before.rfind('\n', last) + 1;  // npos + 1 is 0
    return {mark.line + 1 - static_cast<int>(newlines), static_cast<int>(last - line_start) + 1};
  }

  std::string_view text_;
  std::string file_;
  std::vector<Problem>& problems_;
  std::vector<YamlNode> open_;
  YamlNode root_;
  Place start_;
};

// Length in bytes of the UTF-8 sequence at the start of `text`, 0 if it isn't one (RFC 3629).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  const bool surrogate = first == 0xed && byte(1) > 0x9f;
  const bool too_large = first == 0xf4 && byte(1) > 0x8f;
  return overlong || surrogate || too_large ? 0 : length;
}

// What a text file cannot contain, at the first place where it does.
std::optional<Problem> find_binary(std::string_view text, const std::string& file) {
  int line = 1;
  std::size_t line_start = 0;
  for (std::size_t i = 0; i < text.size();) {
    const Place here{line, static_cast<int>(i - line_start) + 1};
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0) return Problem{file, here, "", "contains a NUL byte, so it is not a YAML file"};
    if (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') {
      return Problem{file, here, "", "contains a control character, which YAML does not allow"};
    }
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) return Problem{file, here, "", "is not UTF-8 text; save the file as UTF-8"};
    i += length;
    if (byte == '\n') {
      ++line;
      line_start = i;
    }
  }
  return std::nullopt;
}

std::string_view line_at(std::string_view text, int line) {
  for (; line > 1; --line) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

bool is_indented_by_tab(std::string_view line) {
  const auto first = line.find_first_not_of(' ');
  return first != std::string_view::npos && line[first] == '\t';
}

// What people usually did when the YAML parser gives up on a line.
std::string syntax_hint(std::string_view text, int line) {
  const std::string_view here = line_at(text, line);
  const std::string_view above = line > 1 ? line_at(text, line - 1) : std::string_view{};
  if (is_indented_by_tab(here)) return "; indent with spaces, not tabs";
  for (const std::string_view candidate : {here, above}) {
    if (candidate.find("]:") != std::string_view::npos) {
      return "; write an IPv6 address with a port in quotes, \"[2001:db8::1]:53\"";
    }
  }
  return "";
}

// Where the next document begins, if there is one.
std::optional<Place> next_document(YAML::Parser& parser) {
  std::vector<Problem> ignored;
  TreeBuilder builder("", "", ignored);
  if (!parser.HandleNextDocument(builder)) return std::nullopt;
  return builder.start();
}

// YAML's double-quoted form. Control characters don't get past the reader: these escapes suffice.
std::string double_quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

}  // namespace

YamlNode YamlNode::scalar(std::string text) {
  YamlNode node;
  node.kind = Kind::scalar;
  node.text = std::move(text);
  return node;
}

YamlNode YamlNode::quoted_scalar(std::string text) {
  YamlNode node = scalar(std::move(text));
  node.quoted = true;
  return node;
}

YamlNode YamlNode::list(std::vector<YamlNode> items) {
  YamlNode node;
  node.kind = Kind::list;
  node.items = std::move(items);
  return node;
}

std::string_view YamlNode::kind_text() const {
  switch (kind) {
    case Kind::null:
      return "nothing";
    case Kind::scalar:
      return "a single value";
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a map";
    case Kind::refused:
      break;
  }
  return "refused";
}

YamlNode parse_yaml(std::string_view text, const std::string& file,
                    std::vector<Problem>& problems) {
  if (auto binary = find_binary(text, file)) {
    problems.push_back(std::move(*binary));
    return {};
  }
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  TreeBuilder builder(text, file, problems);
  const auto report = [&](Place place, std::string message) {
    problems.push_back({file, place, "", std::move(message)});
  };
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return {};
    YamlNode root = builder.take_root();
    if (const auto second = next_document(parser)) {
      report(*second, "is a second YAML document; keep one and remove the \"---\" between them");
    }
    return root;
  } catch (const TooDeep& deep) {
    report(deep.place, "is nested more than " + std::to_string(max_depth) + " levels deep");
  } catch (const YAML::Exception& error) {
    const Place place = place_of(error.mark);
    report(place, "not valid YAML: " + error.msg + syntax_hint(text, place.line));
  }
  return {};
}

std::string write_yaml(const YamlNode& node, std::size_t indent) {
  const std::string margin(indent, ' ');
  std::string text;
  if (node.kind == YamlNode::Kind::scalar) {
    // A plain null would be no value at all.
    return node.quoted || is_null_text(node.text) ? double_quoted(node.text) : node.text;
  }
  if (node.kind == YamlNode::Kind::map) {
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const std::string value = write_yaml(node.items[i], indent + 2);
      text += (i == 0 ? "" : '\n' + margin) + node.keys[i].text + ':';
      text += (value.starts_with('\n') ? "" : " ") + value;
    }
    return text;
  }
  if (node.items.empty()) return "[]";
  for (const YamlNode& item : node.items) {
    text += '\n' + margin + "- " + write_yaml(item, indent + 2);
  }
  return text;
}

}  // namespace dnscache
