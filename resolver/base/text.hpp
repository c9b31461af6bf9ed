// Words for messages and manuals.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dnscache {

/// The user's own words for a message: on one line, without control characters and cut after 80
/// bytes.
std::string printable(std::string_view text);
std::string in_quotes(std::string_view text);

/// The words of `text` in lines of at most `width` bytes; a longer word has a line to itself.
std::vector<std::string> fold(std::string_view text, std::size_t width);

/// "a, b or c"; `last` is the word before the last item.
std::string join_words(const std::vector<std::string>& words, std::string_view last = "or");

/// The candidate with the fewest typing errors; empty when none is near enough to be meant.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace dnscache
