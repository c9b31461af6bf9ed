// Where a packet comes from or goes to: an IP address and a port.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dnscache {

/// An IPv4 or IPv6 address; an IPv4 address is held in the first four bytes.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};  ///< network byte order, unused bytes zero
  bool is_v6 = false;
  std::uint32_t scope_id = 0;  ///< interface index of a link-local IPv6 address, else 0

  /// "192.0.2.1", "2001:db8::1", "fe80::1%eth0" (interface name or index).
  static std::optional<IpAddress> parse(std::string_view text);
  /// From 4 or 16 bytes in network order.
  static IpAddress from_bytes(std::span<const std::uint8_t> bytes);
  static IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d);
  std::string to_text() const;

  std::size_t size() const { return is_v6 ? 16 : 4; }
  bool is_loopback() const;     ///< 127.0.0.0/8, ::1 (and its IPv4-mapped form)
  bool is_link_local() const;   ///< 169.254.0.0/16, fe80::/10
  bool is_unspecified() const;  ///< 0.0.0.0, ::
  /// RFC 1918, link-local, loopback, RFC 6598 shared space, unspecified, RFC 4193 fc00::/7.
  bool is_private() const;

  auto operator<=>(const IpAddress&) const = default;
};

/// Gives a link-local address the index that its interface has now. False when there is no such
/// interface, or it has that index already.
bool find_interface(const std::string& name, IpAddress& address);

/// An IP address and a port.
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;  ///< host byte order

  /// "192.0.2.1", "192.0.2.1:5353", "[2001:db8::1]:53", "2001:db8::1", "fe80::1%eth0"; a missing
  /// port becomes `default_port`.
  static std::optional<Endpoint> parse(std::string_view text, std::uint16_t default_port);
  static std::optional<Endpoint> from_sockaddr(const sockaddr_storage& storage);

  /// "192.0.2.1:53" or "[2001:db8::1]:53".
  std::string to_text() const;
  /// Fills `out` and returns its length in bytes, as bind(2) and connect(2) want it.
  socklen_t to_sockaddr(sockaddr_storage& out) const;

  auto operator<=>(const Endpoint&) const = default;
};

/// A range of addresses, "10.0.0.0/8"; an address without a length is that one address.
struct Network {
  IpAddress address;
  std::uint8_t prefix_length = 0;  ///< bits

  static std::optional<Network> parse(std::string_view text);
  std::string to_text() const;
  bool contains(const IpAddress& address) const;

  auto operator<=>(const Network&) const = default;
};

/// The address is in one of the networks.
bool is_in(const std::vector<Network>& networks, const IpAddress& address);

}  // namespace dnscache
