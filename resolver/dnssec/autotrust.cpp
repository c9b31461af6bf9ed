#include "resolver/dnssec/autotrust.hpp"

#include <sstream>

namespace dnscache {

bool is_autotrust(std::string_view text) {
  return text.find("; autotrust trust anchor file") != std::string_view::npos;
}

std::vector<std::string> trusted_keys(const std::string& text) {
  std::vector<std::string> keys;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto comment = line.find(';');
    if (comment == 0 || comment == std::string::npos) continue;
    const std::string_view remarks = std::string_view(line).substr(comment);
    const bool is_trusted = remarks.find(";;state=2 ") != std::string_view::npos ||
                            remarks.find(";;state=3 ") != std::string_view::npos;
    if (is_trusted) keys.push_back(line.substr(0, comment));
  }
  return keys;
}

}  // namespace dnscache
