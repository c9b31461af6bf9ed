#include "resolver/local/block_list.hpp"

#include <array>

#include "resolver/base/text.hpp"

namespace dnscache {
namespace {

// "localhost.localdomain" and the like, which lists take over from somebody's /etc/hosts.
bool is_about_this_machine(const Name& name) {
  static const Name localdomain = *Name::parse("localdomain");
  static const Name localhost = *Name::parse("localhost");
  return name.label_count() <= 1 || name.is_within(localdomain) || name.is_within(localhost);
}

bool blocks(const IpAddress& address) { return address.is_unspecified() || address.is_loopback(); }

bool is_number(std::string_view word) {
  return !word.empty() && word.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string_view without_quotes(std::string_view text) {
  constexpr std::string_view around = " \t\r\"'";
  const auto first = text.find_first_not_of(around);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(around) - first + 1);
}

// What follows Unbound's `option` in the line, as in "server: local-zone: …".
std::optional<std::string_view> value_of(std::string_view line, std::string_view option) {
  const auto at = line.find(option);
  if (at == std::string_view::npos) return std::nullopt;
  return line.substr(at + option.size());
}

/// Reads line by line; a response policy zone's statements can go over several.
class Reader {
 public:
  explicit Reader(const std::function<void(const Name&, bool)>& use) : use_(use) {}

  // What is wrong with the line, or nothing.
  std::string read(std::string_view line) {
    if (is_in_parentheses_) {
      is_in_parentheses_ = line.find(')') == std::string_view::npos;
      return {};
    }
    Words words(line);
    const std::string_view first = words.next();
    // Comments of the lists for browsers and of zone files, and the heading of the former.
    if (first.empty() || first[0] == '!' || first[0] == ';' || first[0] == '[') return {};
    if (const auto address = address_of_word(first)) return read_hosts_line(*address, words);
    for (const std::string_view option : {"address=", "server=", "local="}) {
      if (first.starts_with(option)) return read_dnsmasq(first.substr(option.size()));
    }
    if (const auto value = value_of(line, "local-zone:")) return read_local_zone(*value);
    if (const auto value = value_of(line, "local-data:"))
      return read_record(without_quotes(*value));
    if (first == "server:") return {};
    line = line.substr(0, line.find(';'));
    Words both(line);
    both.next();
    return both.next().empty() ? read_domain(first) : read_record(line);
  }

 private:
  std::string read_hosts_line(const IpAddress& address, Words words) {
    for (auto word = words.next(); !word.empty(); word = words.next()) {
      if (address_of_word(word)) continue;  // "0.0.0.0 0.0.0.0"
      const auto name = Name::parse(word);
      if (!name) return in_quotes(word) + " is not a host name";
      if (blocks(address) && !is_about_this_machine(*name)) use_(*name, false);
    }
    return {};
  }

  // The name and all below it.
  std::string read_domain(std::string_view word) {
    const std::string_view written = word;
    if (word.starts_with("@@")) return in_quotes(word) + " is an exception; see local.block.allow";
    if (word.starts_with("||")) {
      word.remove_prefix(2);
      for (const std::string_view ending : {"^$important", "^$all", "^|", "^"}) {
        if (!word.ends_with(ending)) continue;
        word.remove_suffix(ending.size());
        break;
      }
    }
    for (const std::string_view prefix : {"*.", "."}) {
      if (word.size() <= prefix.size() || !word.starts_with(prefix)) continue;
      word.remove_prefix(prefix.size());
      break;
    }
    const auto name = Name::parse(word);
    const bool is_domain =
        name && !name->is_root() && word.find_first_of("/|^$*,=@:") == std::string_view::npos;
    if (!is_domain) return in_quotes(written) + " is not a domain name";
    use_(*name, true);
    return {};
  }

  // "/a.example/b.example/0.0.0.0"
  std::string read_dnsmasq(std::string_view value) {
    const auto last = value.rfind('/');
    if (!value.starts_with('/') || last == 0) return in_quotes(value) + " names no domain";
    const std::string_view target = value.substr(last + 1);
    const auto address = address_of_word(target);
    if (!target.empty() && !(address && blocks(*address))) {
      return in_quotes(value) + " does not block but leads elsewhere";
    }
    std::string wrong;
    std::string_view names = value.substr(1, last - 1);
    for (bool is_over = false; !is_over;) {
      const auto end = names.find('/');
      is_over = end == std::string_view::npos;
      if (auto problem = read_domain(names.substr(0, end)); !problem.empty()) wrong = problem;
      if (!is_over) names.remove_prefix(end + 1);
    }
    return wrong;
  }

  std::string read_local_zone(std::string_view value) {
    Words words(value);
    const std::string_view name = without_quotes(words.next());
    const std::string_view type = words.next();
    static constexpr std::array<std::string_view, 10> blocking{
        "always_nxdomain", "always_null", "always_refuse", "always_nodata", "always_deny",
        "static",          "refuse",      "deny",          "redirect",      "inform_deny"};
    if (std::ranges::find(blocking, type) == blocking.end()) {
      return in_quotes(name) + " is not blocked by a zone of type " + in_quotes(type);
    }
    return read_domain(name);
  }

  // "name [ttl] [class] TYPE data"
  std::string read_record(std::string_view line) {
    Words words(line);
    const std::string_view owner = words.next();
    if (owner == "$ORIGIN") {
      origin_ = words.next();
      return {};
    }
    if (owner.starts_with('$')) return {};
    std::string_view type = words.next();
    // A line that begins with blanks goes on with the name above; only SOA and NS do.
    if (line.starts_with(' ') || line.starts_with('\t')) type = owner;
    while (is_number(type) || type == "IN" || type == "in") type = words.next();
    if (type == "SOA" || type == "NS") {
      is_in_parentheses_ =
          line.find('(') != std::string_view::npos && line.find(')') == std::string_view::npos;
      return {};
    }
    const std::string_view data = words.next();
    if (type == "A" || type == "AAAA") {
      const auto address = address_of_word(data);
      if (address && blocks(*address)) return read_owner(owner);
      return in_quotes(owner) + " does not block but leads elsewhere";
    }
    if (type != "CNAME") return in_quotes(owner) + " is neither an address nor alone";
    if (data == "." || data == "*." || data == "rpz-drop.") return read_owner(owner);
    if (data == "rpz-passthru.") {
      return in_quotes(owner) + " is an exception; see local.block.allow";
    }
    return in_quotes(owner) + " does not block but leads elsewhere";
  }
  std::string read_owner(std::string_view owner) {
    if (!origin_.empty() && owner.size() > origin_.size() + 1 && owner.ends_with(origin_) &&
        owner[owner.size() - origin_.size() - 1] == '.') {
      owner.remove_suffix(origin_.size() + 1);
    }
    if (owner.find("rpz-") != std::string_view::npos) {
      return in_quotes(owner) + " is about addresses or servers, not about a name";
    }
    if (owner.starts_with("*.")) return read_domain(owner);
    const auto name = Name::parse(owner);
    if (!name || name->is_root()) return in_quotes(owner) + " is not a domain name";
    use_(*name, false);
    return {};
  }

  const std::function<void(const Name&, bool)>& use_;
  std::string_view origin_;
  bool is_in_parentheses_ = false;
};

}  // namespace

LineProblems read_block_list(std::string_view text,
                             const std::function<void(const Name&, bool)>& use) {
  Reader reader(use);
  return for_each_line(text, [&](std::string_view line) { return reader.read(line); });
}

}  // namespace dnscache
