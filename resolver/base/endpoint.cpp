#include "resolver/base/endpoint.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <span>
#include <utility>

namespace dnscache {
namespace {

template <class Integer>
std::optional<Integer> parse_number(std::string_view text) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint32_t> parse_scope(std::string_view text) {
  if (auto index = parse_number<std::uint32_t>(text); index && *index > 0) return index;
  if (text.find(':') != std::string_view::npos) return std::nullopt;  // "eth0:0" would be eth0
  const unsigned index = ::if_nametoindex(std::string(text).c_str());
  if (index == 0) return std::nullopt;
  return index;
}

bool starts_with_bits(const IpAddress& address, std::span<const std::uint8_t> prefix,
                      unsigned bits) {
  const unsigned whole = bits / 8;
  if (!std::equal(prefix.begin(), prefix.begin() + whole, address.bytes.begin())) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - bits % 8));
  return (prefix[whole] & mask) == (address.bytes[whole] & mask);
}

bool in_v4(const IpAddress& address, std::array<std::uint8_t, 4> prefix, unsigned bits) {
  return !address.is_v6 && starts_with_bits(address, prefix, bits);
}

bool in_v6(const IpAddress& address, std::array<std::uint8_t, 2> prefix, unsigned bits) {
  return address.is_v6 && starts_with_bits(address, prefix, bits);
}

// ::ffff:a.b.c.d stands for a.b.c.d (RFC 4291 section 2.5.5.2).
IpAddress unmapped(const IpAddress& address) {
  static constexpr std::array<std::uint8_t, 12> prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (!address.is_v6 || !starts_with_bits(address, prefix, 96)) return address;
  return IpAddress::v4(address.bytes[12], address.bytes[13], address.bytes[14], address.bytes[15]);
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  IpAddress address;
  const auto percent = text.find('%');
  const std::string plain(text.substr(0, percent));
  if (plain.size() != text.substr(0, percent).size() || plain.find('\0') != std::string::npos) {
    return std::nullopt;
  }
  if (::inet_pton(AF_INET, plain.c_str(), address.bytes.data()) == 1) {
    if (percent != std::string_view::npos) return std::nullopt;
    return address;
  }
  if (::inet_pton(AF_INET6, plain.c_str(), address.bytes.data()) != 1) return std::nullopt;
  address.is_v6 = true;
  if (percent != std::string_view::npos) {
    const auto scope = parse_scope(text.substr(percent + 1));
    if (!scope) return std::nullopt;
    address.scope_id = *scope;
  }
  return address;
}

IpAddress IpAddress::from_bytes(std::span<const std::uint8_t> bytes) {
  IpAddress address;
  address.is_v6 = bytes.size() == 16;
  std::copy_n(bytes.begin(), std::min<std::size_t>(bytes.size(), 16), address.bytes.begin());
  return address;
}

IpAddress IpAddress::v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  IpAddress address;
  address.bytes = {a, b, c, d};
  return address;
}

std::string IpAddress::to_text() const {
  char text[INET6_ADDRSTRLEN];
  ::inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof text);
  std::string result = text;
  if (scope_id != 0) {
    char name[IF_NAMESIZE];
    result += '%';
    result += ::if_indextoname(scope_id, name) ? std::string(name) : std::to_string(scope_id);
  }
  return result;
}

bool IpAddress::is_loopback() const {
  const IpAddress plain = unmapped(*this);
  if (!plain.is_v6) return plain.bytes[0] == 127;
  IpAddress loopback;
  loopback.is_v6 = true;
  loopback.bytes[15] = 1;
  return bytes == loopback.bytes;
}

bool IpAddress::is_link_local() const {
  return in_v4(unmapped(*this), {169, 254}, 16) || in_v6(*this, {0xfe, 0x80}, 10);
}

bool IpAddress::is_unspecified() const {
  const IpAddress plain = unmapped(*this);
  return std::ranges::all_of(plain.bytes, [](std::uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_private() const {
  const IpAddress plain = unmapped(*this);
  return is_loopback() || is_link_local() || is_unspecified() || in_v4(plain, {10}, 8) ||
         in_v4(plain, {172, 16}, 12) || in_v4(plain, {192, 168}, 16) ||
         in_v4(plain, {100, 64}, 10) || in_v4(plain, {0}, 8) || in_v6(plain, {0xfc, 0}, 7);
}

bool find_interface(const std::string& name, IpAddress& address) {
  const unsigned index = ::if_nametoindex(name.c_str());
  return index != 0 && std::exchange(address.scope_id, index) != index;
}

std::optional<Endpoint> Endpoint::parse(std::string_view text, std::uint16_t default_port) {
  std::string_view host = text;
  std::optional<std::string_view> port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty()) {
      if (rest[0] != ':') return std::nullopt;
      port = rest.substr(1);
    }
  } else if (std::ranges::count(text, ':') == 1) {
    const auto colon = text.find(':');
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  const auto address = IpAddress::parse(host);
  if (!address) return std::nullopt;
  if (!port) return Endpoint{*address, default_port};
  const auto number = parse_number<std::uint16_t>(*port);
  if (!number) return std::nullopt;
  return Endpoint{*address, *number};
}

std::optional<Endpoint> Endpoint::from_sockaddr(const sockaddr_storage& storage) {
  Endpoint endpoint;
  if (storage.ss_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &storage, sizeof in);
    std::memcpy(endpoint.address.bytes.data(), &in.sin_addr, 4);
    endpoint.port = ntohs(in.sin_port);
    return endpoint;
  }
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 in6;
    std::memcpy(&in6, &storage, sizeof in6);
    std::memcpy(endpoint.address.bytes.data(), &in6.sin6_addr, 16);
    endpoint.address.is_v6 = true;
    endpoint.address.scope_id = in6.sin6_scope_id;
    endpoint.port = ntohs(in6.sin6_port);
    return endpoint;
  }
  return std::nullopt;
}

std::string Endpoint::to_text() const {
  const std::string host = address.is_v6 ? '[' + address.to_text() + ']' : address.to_text();
  return host + ':' + std::to_string(port);
}

socklen_t Endpoint::to_sockaddr(sockaddr_storage& out) const {
  out = {};
  if (address.is_v6) {
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(port);
    in6.sin6_scope_id = address.scope_id;
    std::memcpy(&in6.sin6_addr, address.bytes.data(), 16);
    std::memcpy(&out, &in6, sizeof in6);
    return sizeof in6;
  }
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  std::memcpy(&in.sin_addr, address.bytes.data(), 4);
  std::memcpy(&out, &in, sizeof in);
  return sizeof in;
}

std::optional<Network> Network::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const auto bits = static_cast<std::uint8_t>(address->size() * 8);
  if (slash == std::string_view::npos) return Network{*address, bits};
  const auto length = parse_number<std::uint8_t>(text.substr(slash + 1));
  if (!length || *length > bits) return std::nullopt;
  return Network{*address, *length};
}

std::string Network::to_text() const {
  return address.to_text() + '/' + std::to_string(prefix_length);
}

bool Network::contains(const IpAddress& candidate) const {
  return candidate.is_v6 == address.is_v6 &&
         starts_with_bits(candidate, address.bytes, prefix_length);
}

bool is_in(const std::vector<Network>& networks, const IpAddress& address) {
  return std::ranges::any_of(networks, [&](const Network& n) { return n.contains(address); });
}

}  // namespace dnscache
