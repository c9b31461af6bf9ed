#include "resolver/config/problem.hpp"

namespace dnscache {

std::string Problem::to_text() const {
  std::string text = file;
  if (place.line > 0) text += ':' + std::to_string(place.line) + ':' + std::to_string(place.column);
  if (!text.empty()) text += ": ";
  if (!key.empty()) text += key + ": ";
  return text + message;
}

}  // namespace dnscache
