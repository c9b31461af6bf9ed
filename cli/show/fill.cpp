#include "cli/show/fill.hpp"

#include <algorithm>

namespace dnscache::cli {

std::optional<Place> find_place(std::string_view text, std::size_t from) {
  for (auto begin = text.find('@', from); begin != text.npos; begin = text.find('@', begin + 1)) {
    const auto end = text.find('@', begin + 1);
    if (end == text.npos) return {};
    const auto name = text.substr(begin + 1, end - begin - 1);
    const bool is_name = !name.empty() && std::ranges::all_of(name, [](char c) {
      return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
    if (is_name) return Place{begin, end - begin + 1, std::string(name)};
  }
  return {};
}

std::string fill(std::string_view text, const std::map<std::string, std::string>& values) {
  std::string out;
  std::size_t at = 0;
  for (auto place = find_place(text, 0); place; place = find_place(text, at)) {
    out += text.substr(at, place->begin - at);
    const auto value = values.find(place->name);
    out += value == values.end() ? text.substr(place->begin, place->length)
                                 : std::string_view(value->second);
    at = place->begin + place->length;
  }
  out += text.substr(at);
  return out;
}

}  // namespace dnscache::cli
