#include "resolver/config/record.hpp"

#include <algorithm>

#include "resolver/config/values.hpp"
#include "resolver/wire/protocol.hpp"

namespace dnscache {
namespace {

constexpr std::string_view form = "\"name A 192.0.2.1\"";
constexpr std::string_view known_types = "A, AAAA, CNAME, PTR, TXT, SRV and MX";

/// A word of a record; what was in quotes is taken as it is.
struct Token {
  std::string text;
  bool quoted = false;
};

Result<std::vector<Token>> split(std::string_view text) {
  std::vector<Token> tokens;
  std::size_t at = 0;
  while ((at = text.find_first_not_of(" \t", at)) != std::string_view::npos) {
    Token token;
    if (text[at] != '"') {
      const auto end = std::min(text.find_first_of(" \t", at), text.size());
      token.text = text.substr(at, end - at);
      at = end;
    } else {
      token.quoted = true;
      for (++at;; ++at) {
        if (at < text.size() && text[at] == '\\')
          ++at;
        else if (at < text.size() && text[at] == '"')
          break;
        if (at >= text.size()) return Error{"has a quote that is not closed"};
        token.text += text[at];
      }
      ++at;
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

void append16(std::vector<std::uint8_t>& data, std::uint64_t value) {
  data.push_back(static_cast<std::uint8_t>(value >> 8));
  data.push_back(static_cast<std::uint8_t>(value));
}

Result<std::optional<std::chrono::seconds>> parse_ttl(const std::string& text) {
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::optional<std::chrono::seconds>{};
  constexpr std::uint64_t highest = 0x7fffffff;  // RFC 2181 section 8
  if (const auto number = parse_number(text)) {
    if (*number > highest) return Error{"has a TTL that is too large"};
    return std::optional(std::chrono::seconds(static_cast<std::int64_t>(*number)));
  }
  const auto duration = parse_duration(text);
  if (!duration || *duration % 1s != 0ms) {
    return Error{"has a TTL that is not in seconds, such as 300 or 5m"};
  }
  return std::optional(std::chrono::duration_cast<std::chrono::seconds>(*duration));
}

/// Turns the words behind the type into record data.
class DataParser {
 public:
  DataParser(std::vector<Token> words, std::vector<std::uint8_t>& data)
      : words_(std::move(words)), data_(data) {}

  Result<void> parse(std::uint16_t type) {
    switch (type) {
      case rr_type::a:
        return address(false);
      case rr_type::aaaa:
        return address(true);
      case rr_type::cname:
      case rr_type::ptr:
        return numbers_and_name(0, "one name");
      case rr_type::mx:
        return numbers_and_name(1, "a preference and a name");
      case rr_type::srv:
        return numbers_and_name(3, "a priority, a weight, a port and a name");
      case rr_type::txt:
        return strings();
      default:
        return Error{"has an unknown type; known: " + std::string(known_types)};
    }
  }

 private:
  Result<void> address(bool is_v6) {
    const auto address = words_.size() == 1 ? IpAddress::parse(words_[0].text) : std::nullopt;
    if (!address || address->is_v6 != is_v6 || address->scope_id != 0) {
      return Error{is_v6 ? "needs exactly one IPv6 address after AAAA"
                         : "needs exactly one IPv4 address after A"};
    }
    data_.assign(address->bytes.begin(),
                 address->bytes.begin() + static_cast<std::ptrdiff_t>(address->size()));
    return {};
  }

  Result<void> numbers_and_name(std::size_t numbers, const char* wanted) {
    const Error wrong{std::string("needs ") + wanted + " after its type"};
    if (words_.size() != numbers + 1) return wrong;
    for (std::size_t i = 0; i < numbers; ++i) {
      const auto number = parse_number(words_[i].text);
      if (!number || *number > 0xffff) return wrong;
      append16(data_, *number);
    }
    const bool is_root = words_[numbers].text == ".";
    const auto name = is_root ? Name() : Name::parse(words_[numbers].text);
    if (!name) return wrong;
    data_.insert(data_.end(), name->bytes().begin(), name->bytes().end());
    return {};
  }

  Result<void> strings() {
    if (words_.empty()) return Error{"needs at least one string after TXT"};
    for (const Token& word : words_) {
      if (word.text.size() > 255) return Error{"has a string of more than 255 bytes; split it"};
      data_.push_back(static_cast<std::uint8_t>(word.text.size()));
      data_.insert(data_.end(), word.text.begin(), word.text.end());
    }
    return {};
  }

  std::vector<Token> words_;
  std::vector<std::uint8_t>& data_;
};

void append_label(std::string& text, unsigned number) {
  text += std::to_string(number);
  text += '.';
}

}  // namespace

Result<LocalRecord> parse_record(std::string_view text) {
  const bool has_control = std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (has_control) return Error{"contains a control character"};
  auto words = split(text);
  if (!words) return words.error();
  if (words->size() < 3) return Error{"is not a record such as " + std::string(form)};
  LocalRecord record;
  record.text = text;
  const auto name = parse_zone((*words)[0].text);
  if (!name) return Error{"does not begin with a domain name"};
  record.name = *name;
  std::size_t at = 1;
  const auto ttl = parse_ttl((*words)[at].text);
  if (!ttl) return ttl.error();
  record.ttl = *ttl;
  if (*ttl) ++at;
  const bool has_class =
      at < words->size() && ((*words)[at].text == "IN" || (*words)[at].text == "in");
  if (has_class) ++at;
  if (at >= words->size()) return Error{"has no type"};
  record.type = type_from_text((*words)[at].text);
  words->erase(words->begin(), words->begin() + static_cast<std::ptrdiff_t>(at + 1));
  if (const auto good = DataParser(std::move(*words), record.data).parse(record.type); !good) {
    return good.error();
  }
  return record;
}

Name reverse_name(const IpAddress& address) {
  std::string text;
  if (!address.is_v6) {
    for (std::size_t i = 4; i-- > 0;) append_label(text, address.bytes[i]);
    return *Name::parse(text + "in-addr.arpa");
  }
  constexpr char digits[] = "0123456789abcdef";
  for (std::size_t i = 16; i-- > 0;) {
    for (const int nibble : {address.bytes[i] & 15, address.bytes[i] >> 4}) {
      text += digits[nibble];
      text += '.';
    }
  }
  return *Name::parse(text + "ip6.arpa");
}

}  // namespace dnscache
