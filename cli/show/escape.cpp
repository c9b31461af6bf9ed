#include "cli/show/escape.hpp"

#include <fmt/format.h>

namespace dnscache::cli {
namespace {

/// One code point and the bytes that it takes; 0 bytes: what is there is not UTF-8.
struct CodePoint {
  char32_t value = 0;
  std::size_t size = 0;
};

// Overlong forms and surrogates are not UTF-8 (RFC 3629 section 3).
CodePoint first_of(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return {};
  char32_t value = lead & (0x7fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0) != 0x80) return {};
    value = value << 6 | (byte & 0x3f);
  }
  constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < least[size] || value > 0x10ffff || is_surrogate) return {};
  return {value, size};
}

bool steers(char32_t value) {
  const bool is_control = value < 0x20 || (value >= 0x7f && value <= 0x9f);
  const bool is_separator = value == 0x2028 || value == 0x2029;
  const bool is_direction = value == 0x061c || value == 0x200e || value == 0x200f ||
                            (value >= 0x202a && value <= 0x202e) ||
                            (value >= 0x2066 && value <= 0x2069);
  return is_control || is_separator || is_direction;
}

// The bytes of a sequence as styled() writes it, "\033[1;31m"; 0: another one.
std::size_t color_size(std::string_view text) {
  for (const std::string_view color :
       {"\033[0m", "\033[1m", "\033[2m", "\033[32m", "\033[33m", "\033[1;31m"}) {
    if (text.starts_with(color)) return color.size();
  }
  return 0;
}

}  // namespace

std::string escaped(std::string_view text, Layout layout) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = first_of(text);
    std::size_t size = point.size;
    const bool is_layout = layout.lines && (text[0] == '\n' || text[0] == '\t');
    if (size == 0) {
      size = 1;
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    } else if (is_layout || !steers(point.value)) {
      out += text.substr(0, size);
    } else if (const auto color = layout.colors ? color_size(text) : 0; color != 0) {
      size = color;
      out += text.substr(0, size);
    } else {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(point.value));
    }
    text.remove_prefix(size);
  }
  return out;
}

}  // namespace dnscache::cli
