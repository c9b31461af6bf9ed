// Numbers of the DNS protocol (RFC 1035, RFC 6891 and the IANA registry) and bytes in network
// order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dnscache {

inline constexpr std::size_t header_size = 12;          ///< bytes, RFC 1035 section 4.1.1
inline constexpr std::size_t max_message_size = 65535;  ///< bytes, the TCP length prefix's limit
inline constexpr std::size_t plain_udp_size = 512;      ///< bytes, RFC 1035 section 2.3.4
inline constexpr std::size_t edns_udp_size = 1232;  ///< bytes that we advertise: never fragmented
inline constexpr std::uint16_t class_in = 1;

/// Response codes; those above 15 need EDNS (RFC 6891).
enum class Rcode : std::uint16_t {
  no_error = 0,
  format_error = 1,
  server_failure = 2,
  nx_domain = 3,
  not_implemented = 4,
  refused = 5,
  bad_version = 16,
  bad_cookie = 23,
};

/// Record types that the program treats in a special way; all others pass through (RFC 3597).
namespace rr_type {
inline constexpr std::uint16_t a = 1, ns = 2, md = 3, mf = 4, cname = 5, soa = 6, mb = 7, mg = 8,
                               mr = 9, ptr = 12, hinfo = 13, minfo = 14, mx = 15, txt = 16, rp = 17,
                               afsdb = 18, rt = 21, sig = 24, px = 26, aaaa = 28, srv = 33,
                               naptr = 35, kx = 36, dname = 39, opt = 41, ds = 43, rrsig = 46,
                               nsec = 47, dnskey = 48, nsec3 = 50, svcb = 64, https = 65, lp = 107,
                               tkey = 249, tsig = 250, ixfr = 251, axfr = 252, mailb = 253,
                               maila = 254, any = 255;
}  // namespace rr_type

/// Options inside of the OPT record that the program reads or writes.
namespace edns_option {
inline constexpr std::uint16_t cookie = 10, padding = 12, extended_error = 15;
}  // namespace edns_option

/// Extended DNS Errors (RFC 8914) that we give.
enum class ExtendedError : std::uint16_t {
  other = 0,
  stale_answer = 3,
  dnssec_bogus = 6,
  signature_expired = 7,
  signature_not_yet_valid = 8,
  dnskey_missing = 9,
  rrsigs_missing = 10,
  no_zone_key_bit = 11,
  nsec_missing = 12,
  not_ready = 14,
  blocked = 15,
  prohibited = 18,
  stale_nxdomain = 19,
  no_reachable_authority = 22,
  network_error = 23,
  none = 0xffff,  ///< not a registered code: there is no extended error
};

/// Flag bits of the header's third and fourth byte, read as one 16-bit number.
namespace header_flag {
inline constexpr std::uint16_t response = 0x8000, authoritative = 0x0400, truncated = 0x0200,
                               recursion_desired = 0x0100, recursion_available = 0x0080,
                               authentic_data = 0x0020, checking_disabled = 0x0010,
                               opcode_mask = 0x7800, rcode_mask = 0x000f;
}  // namespace header_flag

inline std::uint16_t load16(const std::uint8_t* at) {
  return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}
inline std::uint32_t load32(const std::uint8_t* at) {
  return static_cast<std::uint32_t>(load16(at)) << 16 | load16(at + 2);
}
inline void store16(std::uint8_t* at, std::uint16_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value);
}
inline void store32(std::uint8_t* at, std::uint32_t value) {
  store16(at, static_cast<std::uint16_t>(value >> 16));
  store16(at + 2, static_cast<std::uint16_t>(value));
}

/// "NXDOMAIN", "SERVFAIL"; "RCODE17" for unknown ones.
std::string rcode_text(Rcode rcode);
/// The purpose of an extended error as the IANA registry has it (RFC 8914 and later), "Stale
/// Answer"; "Code 99" for unknown ones, empty for `none`.
std::string extended_error_text(ExtendedError error);
/// "AAAA"; "TYPE65280" for unknown ones (RFC 3597 section 5).
std::string type_text(std::uint16_t type);
/// The number of "AAAA", "aaaa" or "TYPE28"; 0 when there is none.
std::uint16_t type_from_text(std::string_view text);

}  // namespace dnscache
