#include "resolver/policy/hosts.hpp"

#include <optional>

#include "resolver/config/text.hpp"

namespace dnscache {
namespace {

constexpr std::size_t max_problems = 10;
constexpr std::string_view blanks = " \t\r\f\v";

/// The words of one line, one after the other.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}
  /// Empty at the end.
  std::string_view next() {
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

// Calls `use(words)` for each line, without its comment; it returns what is wrong, or nothing.
template <class Use>
LineProblems for_each_line(std::string_view text, const Use& use) {
  LineProblems problems;
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line = line.substr(0, line.find('#'));
    std::string wrong = use(Words(line));
    if (wrong.empty()) continue;
    ++problems.count;
    if (problems.first.size() < max_problems) problems.first.push_back({number, std::move(wrong)});
  }
  return problems;
}

bool may_be_address(std::string_view word) {
  return (word[0] >= '0' && word[0] <= '9') || word.find(':') != std::string_view::npos;
}

// A scope, "fe80::1%lo0", is of no interest to others.
std::optional<IpAddress> parse_address(std::string_view word) {
  if (!may_be_address(word)) return std::nullopt;
  return IpAddress::parse(word.substr(0, word.find('%')));
}

bool is_plain(const Name& name) { return name.label_count() <= 1; }

std::string no_name(std::string_view word) { return in_quotes(word) + " is not a host name"; }

// "localhost.localdomain" and the like, which lists take over from somebody's /etc/hosts.
bool is_about_this_machine(const Name& name) {
  static const Name localdomain = *Name::parse("localdomain");
  static const Name localhost = *Name::parse("localhost");
  return is_plain(name) || name.is_within(localdomain) || name.is_within(localhost);
}

std::string read_blocked_hosts(const IpAddress& address, Words words,
                               const std::function<void(const Name&, bool)>& use) {
  const bool is_blocking = address.is_unspecified() || address.is_loopback();
  for (auto word = words.next(); !word.empty(); word = words.next()) {
    if (may_be_address(word) && parse_address(word)) continue;  // "0.0.0.0 0.0.0.0"
    const auto name = Name::parse(word);
    if (!name) return no_name(word);
    if (is_blocking && !is_about_this_machine(*name)) use(*name, false);
  }
  return {};
}

}  // namespace

LineProblems read_hosts(std::string_view text,
                        const std::function<void(const IpAddress&, const Name&, bool)>& use) {
  return for_each_line(text, [&](Words words) -> std::string {
    const std::string_view first = words.next();
    if (first.empty()) return {};
    const auto address = parse_address(first);
    if (!address) return in_quotes(first) + " is not an IP address";
    bool is_first = true;
    std::string wrong;
    for (auto word = words.next(); !word.empty(); word = words.next()) {
      const auto name = Name::parse(word);
      if (name && !name->is_root()) {
        use(*address, *name, is_first);
        is_first = false;
      } else if (wrong.empty()) {
        wrong = no_name(word);
      }
    }
    return wrong.empty() && is_first ? in_quotes(first) + " has no names behind it" : wrong;
  });
}

LineProblems read_block_list(std::string_view text,
                             const std::function<void(const Name&, bool)>& use) {
  return for_each_line(text, [&](Words words) -> std::string {
    std::string_view word = words.next();
    if (word.empty()) return {};
    if (const auto address = parse_address(word)) return read_blocked_hosts(*address, words, use);
    if (word[0] == '!') return {};  // a comment of the lists that are made for browsers
    if (!words.next().empty()) return in_quotes(word) + " is neither an address nor alone";
    for (const std::string_view prefix : {"*.", "."}) {
      if (word.size() > prefix.size() && word.starts_with(prefix)) {
        word.remove_prefix(prefix.size());
        break;
      }
    }
    const auto name = Name::parse(word);
    const bool is_domain =
        name && !name->is_root() && word.find_first_of("/|^$*,=@") == std::string_view::npos;
    if (!is_domain) return in_quotes(word) + " is not a domain name";
    use(*name, true);
    return {};
  });
}

}  // namespace dnscache
