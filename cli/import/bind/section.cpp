#include "cli/import/bind/section.hpp"

namespace dnscache::cli::bind {

std::optional<bool> bool_of(std::string_view text) {
  for (const std::string_view yes : {"yes", "true", "1"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"no", "false", "0"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

std::optional<std::uint16_t> port_in(const Statement& statement, std::size_t from) {
  for (std::size_t i = from; i + 1 < statement.words.size(); ++i) {
    if (statement.words[i] != "port") continue;
    const auto port = number_of(statement.words[i + 1]);
    if (port && *port > 0 && *port <= 65535) return static_cast<std::uint16_t>(*port);
  }
  return std::nullopt;
}

}  // namespace dnscache::cli::bind
