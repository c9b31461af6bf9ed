// Files of lines: hosts(5) and block lists.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/base/endpoint.hpp"

namespace dnscache {

/// A line that cannot be used.
struct LineProblem {
  std::size_t line = 0;  ///< from 1
  std::string message;
};

/// The lines that could not be used: how many, and the first of them.
struct LineProblems {
  static constexpr std::size_t max_first = 10;

  std::size_t lines = 0;  ///< of the whole text
  std::size_t count = 0;
  std::vector<LineProblem> first;  ///< at most max_first
};

/// The words of one line, one after the other.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}
  /// Empty at the end.
  std::string_view next() {
    constexpr std::string_view blanks = " \t\r\f\v";
    const auto start = rest_.find_first_not_of(blanks);
    if (start == std::string_view::npos) return {};
    const auto end = std::min(rest_.find_first_of(blanks, start), rest_.size());
    const std::string_view word = rest_.substr(start, end - start);
    rest_.remove_prefix(end);
    return word;
  }

 private:
  std::string_view rest_;
};

/// Calls `use(line)` for each line, up to its "#"; it returns what is wrong, or nothing.
template <class Use>
LineProblems for_each_line(std::string_view text, const Use& use) {
  LineProblems problems;
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++problems.lines;
    std::string wrong = use(line.substr(0, line.find('#')));
    if (wrong.empty()) continue;
    ++problems.count;
    if (problems.first.size() < LineProblems::max_first) {
      problems.first.push_back({problems.lines, std::move(wrong)});
    }
  }
  return problems;
}

/// An address, without the scope that may be behind it ("fe80::1%lo0"), which is of no interest to
/// others.
inline std::optional<IpAddress> address_of_word(std::string_view word) {
  const bool may_be = !word.empty() && ((word[0] >= '0' && word[0] <= '9') ||
                                        word.find(':') != std::string_view::npos);
  if (!may_be) return std::nullopt;
  return IpAddress::parse(word.substr(0, word.find('%')));
}

}  // namespace dnscache
