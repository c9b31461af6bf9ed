// One table of words for an enum.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dnscache {

/// The words of an enum's values, for reading, printing, JSON and completion.
template <class Enum, std::size_t size>
class EnumWords {
 public:
  using Row = std::pair<Enum, std::string_view>;
  constexpr explicit EnumWords(const Row (&rows)[size]) : rows_(std::to_array(rows)) {}

  /// "?" for a value that has no word.
  constexpr std::string_view print(Enum value) const {
    const auto row = std::ranges::find(rows_, value, &Row::first);
    return row == rows_.end() ? std::string_view("?") : row->second;
  }
  constexpr std::optional<Enum> parse(std::string_view word) const {
    const auto row = std::ranges::find(rows_, word, &Row::second);
    return row == rows_.end() ? std::nullopt : std::optional(row->first);
  }
  std::vector<std::string> all() const {
    std::vector<std::string> words;
    for (const auto& [value, word] : rows_) words.emplace_back(word);
    return words;
  }
  constexpr const std::array<Row, size>& rows() const { return rows_; }

 private:
  std::array<Row, size> rows_;
};

template <class Enum, std::size_t size>
constexpr EnumWords<Enum, size> words_of(const std::pair<Enum, std::string_view> (&rows)[size]) {
  return EnumWords<Enum, size>(rows);
}

}  // namespace dnscache
