#include "cli/import/unbound/lines.hpp"

#include <array>

namespace dnscache::cli::unbound {
namespace {

constexpr unsigned max_depth = 8;             // of files that include others
constexpr std::size_t max_lines = 1'000'000;  // in total

constexpr std::array<std::string_view, 13> section_names{
    "server", "forward-zone", "stub-zone", "remote-control", "auth-zone", "rpz",  "view",
    "python", "dynlib",       "dnscrypt",  "cachedb",        "dnstap",    "ipset"};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// The next word, without its quotes; nothing at the end or before a comment. In a word of its own
// "#" begins a comment, but not in "192.0.2.1#dns.example".
std::optional<std::string> next_word(std::string_view& rest) {
  while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
  if (rest.empty() || rest.front() == '#') return std::nullopt;
  std::string word;
  if (const char quote = rest.front(); quote == '"' || quote == '\'') {
    rest.remove_prefix(1);
    const auto end = std::min(rest.find(quote), rest.size());
    word = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return word;
  }
  std::size_t end = 0;
  while (end < rest.size() && !is_blank(rest[end])) ++end;
  word = rest.substr(0, end);
  rest.remove_prefix(end);
  return word;
}

}  // namespace

const std::string& Attribute::value(std::size_t index) const {
  static const std::string none;
  return index < values.size() ? values[index] : none;
}

Result<void> LineReader::read(const std::filesystem::path& file) {
  const auto text = files_.read(file);
  if (!text) return text.error();
  open_.insert(file);
  read_text(file, *text);
  return {};
}

void LineReader::read_text(const std::filesystem::path& file, std::string_view text) {
  for (int number = 1; !text.empty() && draft_.lines().size() < max_lines; ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    read_line(file, number, text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void LineReader::read_line(const std::filesystem::path& file, int number, std::string_view line) {
  std::string_view rest = trim(line);
  if (rest.empty() || rest.front() == '#') return;
  const std::string written(rest);
  const auto colon = rest.find(':');
  std::string name(trim(rest.substr(0, colon)));
  rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
  if (colon != std::string_view::npos && std::ranges::count(section_names, name) > 0) {
    section_ = name;
    ++section_number_;
    return read_line(file, number, rest);  // "server: verbosity: 1"
  }
  draft_.add_line({file.string(), number, written, LineResult::refused, ""});
  Attribute attribute{section_, section_number_, name, {}};
  while (auto word = next_word(rest)) attribute.values.push_back(std::move(*word));
  if (colon == std::string_view::npos) return draft_.refuse("is not of the form \"option: value\"");
  if (attribute.values.empty()) return draft_.refuse("has no value on its line");
  if (name == "include" || name == "include-toplevel") {
    return include(attribute.value(), name == "include-toplevel");
  }
  use_(attribute);
}

void LineReader::include(const std::string& pattern, bool is_toplevel) {
  if (depth_ >= max_depth) return draft_.refuse("files include each other too deeply");
  const std::filesystem::path path = absolute_path(pattern);
  const auto matching = matching_files(path, files_);
  if (!matching) return draft_.refuse(matching.error().message);
  draft_.translate(matching->empty() ? "no file there is meant" : "its lines follow");
  const Draft::Index line = draft_.current();
  // What is at the top level begins its own section, and leaves ours as it was.
  const std::string section = section_;
  for (const std::filesystem::path& file : *matching) {
    const auto text = files_.read(file);
    draft_.go_to(line);
    if (!text) {
      draft_.refuse(text.error().message);
    } else if (open_.insert(file).second) {
      ++depth_;
      if (is_toplevel) section_.clear();
      read_text(file, *text);
      --depth_;
    } else {
      draft_.not_needed("was read already");
    }
  }
  if (is_toplevel) section_ = section;
  draft_.go_to(line);
}

}  // namespace dnscache::cli::unbound
