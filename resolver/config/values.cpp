#include "resolver/config/values.hpp"

#include <net/if.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <sstream>

#include "resolver/base/text.hpp"

namespace dnscache {
namespace {

/// A unit and how many of the base unit it is.
struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// Largest first, as printing takes the first that divides.
constexpr std::array<Unit, 5> duration_units{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::array<Unit, 5> size_units{
    {{"TiB", 1ull << 40}, {"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}, {"B", 1}}};
constexpr std::uint64_t longest_duration = 3653ull * 86'400'000;  // ms

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::size_t count_digits(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::find_if_not(text, is_digit) - text.begin());
}

// "mb" and "M" are meant as "MiB", "sec" as "s".
std::string likely_unit(std::string_view written, std::span<const Unit> units) {
  const auto lower = [](std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), [](char c) {
      return static_cast<char>(to_lower(static_cast<std::uint8_t>(c)));
    });
    return result;
  };
  if (written.empty() || written.size() > 12) return {};
  if (lower(written).starts_with("mi") && units.back().name == "ms") {
    return lower(written).starts_with("mil") ? "ms" : "m";
  }
  for (const Unit& unit : units) {
    if (lower(written) == lower(unit.name)) return std::string(unit.name);
  }
  for (const Unit& unit : units) {
    if (lower(written)[0] == lower(unit.name)[0]) return std::string(unit.name);
  }
  return {};
}

Error wrong_unit(std::string_view number, std::string_view unit, std::span<const Unit> units) {
  std::vector<std::string> names;
  for (const Unit& known : units) names.insert(names.begin(), std::string(known.name));
  if (unit.empty()) return {"has no unit (" + join_words(names) + ")"};
  const auto stripped = unit.find_first_not_of(' ');
  std::string likely;
  if (stripped != std::string_view::npos) likely = likely_unit(unit.substr(stripped), units);
  if (!likely.empty()) {
    return {"has an unknown unit (did you mean " + std::string(number) + likely + "?)"};
  }
  return {"has an unknown unit (known: " + join_words(names, "and") + ")"};
}

Result<std::uint64_t> parse_with_unit(std::string_view text, std::span<const Unit> units) {
  const std::size_t digits = count_digits(text);
  if (digits == 0) return Error{"is not a whole number with a unit"};
  const std::string_view unit_text = text.substr(digits);
  if (unit_text.starts_with('.') || unit_text.starts_with(',')) {
    return Error{"is not a whole number with a unit"};
  }
  const auto unit = std::ranges::find(units, unit_text, &Unit::name);
  if (unit == units.end()) return wrong_unit(text.substr(0, digits), unit_text, units);
  const auto number = parse_number(text.substr(0, digits));
  if (!number) return number.error();
  if (*number > std::numeric_limits<std::uint64_t>::max() / unit->factor) {
    return Error{"is too large"};
  }
  return *number * unit->factor;
}

std::string print_with_unit(std::uint64_t value, std::span<const Unit> units,
                            std::string_view unit_of_zero) {
  if (value == 0) return '0' + std::string(unit_of_zero);
  const auto unit =
      std::ranges::find_if(units, [&](const Unit& u) { return value % u.factor == 0; });
  return std::to_string(value / unit->factor) + std::string(unit->name);
}

bool is_multicast(const IpAddress& address) {
  return address.is_v6 ? address.bytes[0] == 0xff : address.bytes[0] >= 224;
}

bool lacks_scope(const IpAddress& address) {
  return address.is_v6 && address.is_link_local() && address.scope_id == 0;
}

// What is common to the addresses that we listen on and those that we ask.
Result<Endpoint> parse_address(std::string_view text, std::uint16_t default_port) {
  const auto endpoint = Endpoint::parse(text, default_port);
  if (!endpoint) {
    const auto percent = text.find('%');
    if (percent != std::string_view::npos &&
        Endpoint::parse(text.substr(0, percent), default_port)) {
      return Error{"names a network interface that this machine does not have"};
    }
    return Error{"is not an IP address with an optional port"};
  }
  if (endpoint->port == 0) return Error{"has port 0"};
  if (is_multicast(endpoint->address)) return Error{"is a multicast or reserved address"};
  if (lacks_scope(endpoint->address)) {
    return Error{"is a link-local address without its network interface (\"fe80::1%eth0\")"};
  }
  return *endpoint;
}

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto count = parse_with_unit(text, duration_units);
  if (!count) return count.error();
  if (*count > longest_duration) return Error{"is too long"};
  return std::chrono::milliseconds(static_cast<std::int64_t>(*count));
}

std::string print_duration(std::chrono::milliseconds duration) {
  return print_with_unit(static_cast<std::uint64_t>(duration.count()), duration_units, "s");
}

Result<std::uint64_t> parse_size(std::string_view text) {
  return parse_with_unit(text, size_units);
}

std::string print_size(std::uint64_t bytes) { return print_with_unit(bytes, size_units, "B"); }

// Counted in hundredths of a percent, so that what is printed is exactly what is read.
Result<double> parse_share(std::string_view text) {
  const std::size_t whole_digits = count_digits(text);
  if (whole_digits == 0) return Error{"is not a share in percent"};
  std::string_view rest = text.substr(whole_digits);
  std::string hundredths = "00";
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    const std::size_t digits = count_digits(rest);
    if (digits == 0) return Error{"is not a share in percent"};
    if (digits > 2) return Error{"has more than two decimals"};
    hundredths.replace(0, digits, rest.substr(0, digits));
    rest.remove_prefix(digits);
  }
  if (rest.empty()) return Error{"has no unit (%)"};
  if (rest != "%") return Error{"is not a share in percent"};
  const auto whole = parse_number(text.substr(0, whole_digits));
  if (!whole) return whole.error();
  if (*whole > 100 || (*whole == 100 && hundredths != "00")) return Error{"is more than 100%"};
  const int count = (hundredths[0] - '0') * 10 + (hundredths[1] - '0');
  return static_cast<double>(*whole * 100 + static_cast<std::uint64_t>(count)) / 10000.0;
}

std::string print_share(double share) {
  const auto count = static_cast<std::uint64_t>(std::llround(share * 10000.0));
  std::string text = std::to_string(count / 100);
  const auto hundredths = count % 100;
  if (hundredths != 0) {
    text += '.';
    text += static_cast<char>('0' + hundredths / 10);
    if (hundredths % 10 != 0) text += static_cast<char>('0' + hundredths % 10);
  }
  return text + '%';
}

Result<std::uint64_t> parse_number(std::string_view text) {
  if (text.empty() || count_digits(text) != text.size()) return Error{"is not a whole number"};
  if (text.size() > 1 && text[0] == '0') return Error{"has a leading zero"};
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return Error{"is too large"};
  return value;
}

Result<std::filesystem::path> parse_path(std::string_view text) {
  if (std::ranges::any_of(text, is_control)) return Error{"contains a control character"};
  if (!text.starts_with('/')) return Error{"is not an absolute path (it must begin with \"/\")"};
  if (text.ends_with('/')) return Error{"is a directory, not a file"};
  return std::filesystem::path(text);
}

Result<Endpoint> parse_listen(std::string_view text) { return parse_address(text, dns_port); }

Result<Endpoint> parse_metrics_listen(std::string_view text) {
  return parse_address(text, metrics_port);
}

Result<Protocol> parse_protocol(std::string_view text) {
  if (const auto protocol = protocol_words.parse(text)) return *protocol;
  if (text == "https") return Error{"is not supported; DNS over TLS is: write tls"};
  const std::string meant =
      text == "dot" || text == "ssl" ? "tls" : nearest(text, protocol_words.all());
  return Error{"is not a protocol" + (meant.empty() ? "" : " (did you mean " + meant + "?)")};
}

Result<std::string> parse_tls_name(std::string_view text) {
  if (text.starts_with("*.")) return Error{"is a wildcard; write the server's own name"};
  if (IpAddress::parse(text)) {
    return Error{"is an address; leave it out and the certificate must contain the address"};
  }
  const bool plain = std::ranges::all_of(text, [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.';
  });
  if (!plain || text == "." || !Name::parse(text)) return Error{"is not a host name"};
  if (text.ends_with('.')) text.remove_suffix(1);
  return std::string(text);
}

namespace {

// Takes the name of an interface out of "fe80::1%eth0"; an index stays.
std::string take_interface(std::string& text) {
  const auto percent = text.find('%');
  if (percent == std::string::npos) return {};
  const auto end = std::min(text.find(']', percent), text.size());
  std::string name = text.substr(percent + 1, end - percent - 1);
  const bool may_be = !name.empty() && name.size() < IF_NAMESIZE &&
                      count_digits(name) != name.size() &&
                      name.find_first_of(":/% \t") == std::string::npos;
  if (!may_be) return {};
  text.erase(percent, end - percent);
  return name;
}

}  // namespace

Result<void> parse_upstream_address(std::string_view text, UpstreamConfig& upstream) {
  const std::uint16_t port = upstream.protocol == Protocol::tls ? dns_over_tls_port : dns_port;
  std::string plain(text);
  const std::string interface = take_interface(plain);
  const auto local = Endpoint::parse(plain, port);
  if (!interface.empty() && local && local->port != 0 && lacks_scope(local->address)) {
    upstream.endpoint = *local;
    upstream.interface = interface;
    find_interface(interface, upstream.endpoint.address);  // which may come later
    return {};
  }
  const auto endpoint = parse_address(text, port);
  if (!endpoint) return endpoint.error();
  if (endpoint->address.is_unspecified()) return Error{"is the address of no particular server"};
  upstream.endpoint = *endpoint;
  return {};
}

std::string address_text(const UpstreamConfig& upstream) {
  Endpoint endpoint = upstream.endpoint;
  if (upstream.interface.empty()) return endpoint.to_text();
  endpoint.address.scope_id = 0;
  std::string text = endpoint.to_text();
  return text.insert(text.find(']'), '%' + upstream.interface);
}

Result<UpstreamConfig> parse_upstream(std::string_view text) {
  UpstreamConfig upstream;
  if (const auto end = text.find("://"); end != std::string_view::npos) {
    const auto protocol = parse_protocol(text.substr(0, end));
    if (!protocol) return Error{"has a prefix that " + protocol.error().message};
    upstream.protocol = *protocol;
    text.remove_prefix(end + 3);
  }
  if (const auto hash = text.find('#'); hash != std::string_view::npos) {
    if (upstream.protocol != Protocol::tls) {
      return Error{"has a certificate name after \"#\" although only tls:// has certificates"};
    }
    auto name = parse_tls_name(text.substr(hash + 1));
    if (!name) return Error{"has a certificate name after \"#\" that " + name.error().message};
    upstream.tls_name = *name;
    text = text.substr(0, hash);
  }
  const auto address = parse_upstream_address(text, upstream);
  if (!address) return address.error();
  return upstream;
}

std::string print_upstream(const UpstreamConfig& upstream) {
  std::string text = address_text(upstream);
  if (upstream.protocol != Protocol::udp) {
    text.insert(0, std::string(protocol_words.print(upstream.protocol)) + "://");
  }
  if (!upstream.tls_name.empty()) text += '#' + upstream.tls_name;
  return text;
}

Result<std::string> parse_trust_anchor(std::string_view text) {
  if (text.starts_with('/')) {
    const auto path = parse_path(text);
    if (!path) return path.error();
    return path->string();
  }
  if (std::ranges::any_of(text, is_control)) return Error{"contains a control character"};
  std::istringstream stream{std::string(text)};
  std::vector<std::string> words{std::istream_iterator<std::string>(stream), {}};
  if (words.empty() || (words[0] != "." && !Name::parse(words[0]))) {
    return Error{"is neither an absolute path nor a record"};
  }
  std::size_t at = 1;
  if (at < words.size() && parse_number(words[at])) ++at;  // a TTL
  if (at < words.size() && (words[at] == "IN" || words[at] == "in")) ++at;
  const bool is_ds = at < words.size() && (words[at] == "DS" || words[at] == "ds");
  const bool is_key = at < words.size() && (words[at] == "DNSKEY" || words[at] == "dnskey");
  if (!is_ds && !is_key) return Error{"is not a DS or DNSKEY record"};
  constexpr std::size_t numbers = 3;
  if (words.size() < at + numbers + 2) return Error{"is a record cut short"};
  for (std::size_t i = 1; i <= numbers; ++i) {
    const auto number = parse_number(words[at + i]);
    const std::uint64_t highest = i == 1 ? 65535 : 255;
    if (!number || *number > highest) {
      return Error{"has " + in_quotes(words[at + i]) + " where a number up to " +
                   std::to_string(highest) + " must stand"};
    }
  }
  const bool is_data = std::all_of(words.begin() + static_cast<std::ptrdiff_t>(at + numbers + 1),
                                   words.end(), [&](const std::string& word) {
                                     return std::ranges::all_of(word, [&](char c) {
                                       if (is_ds)
                                         return std::isxdigit(static_cast<unsigned char>(c)) != 0;
                                       return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                                              c == '+' || c == '/' || c == '=';
                                     });
                                   });
  if (!is_data)
    return Error{is_ds ? "has a digest that is not hexadecimal"
                       : "has a key that is not in base64"};
  return std::string(text);
}

Result<Name> parse_zone(std::string_view text) {
  if (!is_ascii(text)) return Error{"is not ASCII; write the name in its xn-- form"};
  if (text == ".") return Error{"is every name; use the setting upstreams for that"};
  for (const std::string_view prefix : {"*.", "."}) {
    if (text.starts_with(prefix) && Name::parse(text.substr(prefix.size()))) {
      return Error{"begins with " + in_quotes(prefix) +
                   " although a zone always includes the names below it; leave that out"};
    }
  }
  const bool printable =
      std::ranges::none_of(text, [](char c) { return is_control(c) || c == ' '; });
  const auto name = Name::parse(text);
  if (!printable || !name) return Error{"is not a domain name"};
  return *name;
}

Result<Network> parse_network(std::string_view text) {
  const auto network = Network::parse(text);
  if (!network) return Error{"is not an IP address with an optional prefix length"};
  if (network->address.scope_id != 0) return Error{"names a network interface; leave that out"};
  for (std::size_t bit = network->prefix_length; bit < network->address.size() * 8; ++bit) {
    if ((network->address.bytes[bit / 8] & (0x80 >> bit % 8)) != 0) {
      return Error{"has bits set after its prefix length"};
    }
  }
  return *network;
}

bool reaches_us(const Endpoint& target, const std::vector<Endpoint>& listen) {
  return std::ranges::any_of(listen, [&](const Endpoint& own) {
    if (own.port != target.port) return false;
    if (!own.address.is_unspecified()) return own.address == target.address;
    return target.address.is_loopback() || target.address.is_unspecified();
  });
}

}  // namespace dnscache
