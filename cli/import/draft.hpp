// A translation in the making.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/import/translation.hpp"

namespace dnscache::cli {

/// Collects lines one after the other. The functions that say what became of a line mean the
/// current one: the last that was added, unless go_to() chose another.
class Draft {
 public:
  using Index = std::size_t;  ///< of a line

  explicit Draft(std::string program) { translation_.program = std::move(program); }

  void add_line(TranslatedLine line) {
    translation_.lines.push_back(std::move(line));
    current_ = translation_.lines.size() - 1;
  }
  Index current() const { return current_; }
  void go_to(Index line) { current_ = line; }
  TranslatedLine& line(Index index) { return translation_.lines[index]; }
  const std::vector<TranslatedLine>& lines() const { return translation_.lines; }

  const Config& config() const { return translation_.config; }
  Config& config() { return translation_.config; }
  Origins& origins() { return translation_.origins; }
  std::string& block_list() { return translation_.block_list; }

  void finish_line(LineResult result, std::string explanation) {
    translation_.lines[current_].result = result;
    translation_.lines[current_].explanation = std::move(explanation);
  }
  void refuse(std::string why) { finish_line(LineResult::refused, std::move(why)); }
  void translate(std::string to) { finish_line(LineResult::translated, std::move(to)); }
  void not_needed(std::string why) { finish_line(LineResult::not_needed, std::move(why)); }
  /// The setting has the line's own value.
  void keep(const std::string& setting, const std::string& value) {
    note(setting);
    finish_line(LineResult::kept, setting + ": " + value);
  }

  /// The setting comes from the current line, or from that one.
  void note(const std::string& setting) { note(setting, current_); }
  void note(const std::string& setting, Index line);

  /// Adds an element to a list of the configuration unless it is there.
  template <class T>
  void add_new(std::vector<T>& list, const std::string& key, T value) {
    const auto found = std::ranges::find(list, value);
    const auto index = static_cast<std::size_t>(found - list.begin());
    if (found == list.end()) list.push_back(std::move(value));
    note(key + '[' + std::to_string(index) + ']');
  }

  /// Sets a setting to a number of seconds between these, or refuses the line.
  bool set_seconds(std::string_view value, const std::string& key, std::chrono::seconds& setting,
                   std::uint32_t highest, std::uint32_t lowest = 0);

  Translation take() { return std::move(translation_); }

 private:
  Translation translation_;
  Index current_ = 0;
};

/// Without the blanks around it.
std::string_view trim(std::string_view text);
/// What blanks and tabs separate.
std::vector<std::string> words_of(std::string_view text);

/// A whole number in decimal digits, up to 32 bits.
std::optional<std::uint32_t> number_of(std::string_view text);

/// A number of bytes, "64m" or "1G".
std::optional<std::uint64_t> bytes_of(std::string_view text);

/// A domain name; a dot in front means nothing.
std::optional<Name> name_of(std::string_view text);

/// The clients of private networks, for servers that listen to other machines.
std::vector<Network> private_networks();

/// The zones whose names are the reverse names of a network.
std::vector<Name> reverse_zones(const Network& network);

}  // namespace dnscache::cli
