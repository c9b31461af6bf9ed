#include "resolver/local/hosts.hpp"

#include "resolver/base/text.hpp"

namespace dnscache {

LineProblems read_hosts(std::string_view text,
                        const std::function<void(const IpAddress&, const Name&, bool)>& use) {
  return for_each_line(text, [&](std::string_view line) -> std::string {
    Words words(line);
    const std::string_view first = words.next();
    if (first.empty()) return {};
    const auto address = address_of_word(first);
    if (!address) return in_quotes(first) + " is not an IP address";
    bool is_first = true;
    std::string wrong;
    for (auto word = words.next(); !word.empty(); word = words.next()) {
      const auto name = Name::parse(word);
      if (name && !name->is_root()) {
        use(*address, *name, is_first);
        is_first = false;
      } else if (wrong.empty()) {
        wrong = in_quotes(word) + " is not a host name";
      }
    }
    return wrong.empty() && is_first ? in_quotes(first) + " has no name after it" : wrong;
  });
}

}  // namespace dnscache
