// DNS messages for tests: written on its own, so that a mistake of the engine's wire code cannot
// hide behind the same mistake here. Clear rather than fast.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dnscache::test {

using Bytes = std::vector<std::uint8_t>;

enum Type : std::uint16_t {
  type_a = 1,
  type_ns = 2,
  type_cname = 5,
  type_soa = 6,
  type_ptr = 12,
  type_mx = 15,
  type_txt = 16,
  type_aaaa = 28,
  type_srv = 33,
  type_opt = 41,
  type_https = 65,
  type_any = 255,
};

enum Rcode : std::uint8_t {
  noerror = 0,
  formerr = 1,
  servfail = 2,
  nxdomain = 3,
  notimp = 4,
  refused = 5,
  badvers = 16,
};

/// The header's flags as bits of its second 16-bit word.
enum Flag : std::uint16_t {
  flag_qr = 0x8000,
  flag_aa = 0x0400,
  flag_tc = 0x0200,
  flag_rd = 0x0100,
  flag_ra = 0x0080,
  flag_ad = 0x0020,
  flag_cd = 0x0010,
};

/// A host in text form and a port.
struct Address {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;

  /// "127.0.0.1:53" or "[::1]:53".
  std::string to_text() const;
  /// The inverse of to_text(); the port may be missing (0).
  static std::optional<Address> parse(std::string_view text);
  static Address from_sockaddr(const sockaddr_storage& storage);
  /// Fills `out` and returns its length in bytes; throws std::invalid_argument for a bad host.
  socklen_t to_sockaddr(sockaddr_storage& out) const;
};

/// Bytes being put together as a DNS message.
class Writer {
 public:
  Bytes bytes;

  void u8(std::uint8_t value) { bytes.push_back(value); }
  void u16(std::uint16_t value);
  void u32(std::uint32_t value);
  void append(const Bytes& other) { bytes.insert(bytes.end(), other.begin(), other.end()); }
  /// Uncompressed; "\." and "\DDD" escapes; throws std::invalid_argument for a label over 63 bytes.
  void name(std::string_view text);
  /// Overwrites two bytes.
  void u16_at(std::size_t offset, std::uint16_t value);
};

/// A question as it was sent, letter case included.
struct Question {
  std::string name;
  std::uint16_t type = type_a;
  std::uint16_t qclass = 1;
};

/// One record of a reply.
struct Record {
  std::string name;
  std::uint16_t type = 0;
  std::uint16_t rclass = 1;
  std::uint32_t ttl = 0;
  Bytes rdata;       ///< as on the wire
  std::string text;  ///< an address, a name, the characters of a TXT record; else hexadecimal
};

/// The OPT record's fields (RFC 6891).
struct Edns {
  std::uint16_t payload_size = 1232;  ///< bytes
  std::uint8_t version = 0;
  bool dnssec_ok = false;
  Bytes options;
};

/// A decoded message.
struct Message {
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  std::vector<Question> questions;
  std::vector<Record> answers;
  std::vector<Record> authority;
  std::vector<Record> additional;  ///< without OPT
  std::optional<Edns> edns;
  std::size_t size = 0;  ///< bytes on the wire
  unsigned rcode = 0;    ///< with the upper bits from OPT

  bool has(Flag flag) const { return (flags & flag) != 0; }
  unsigned opcode() const { return (flags >> 11) & 15u; }
  /// The texts of all answers of a type, in order.
  std::vector<std::string> texts(std::uint16_t type) const;
  /// The codes of all EDNS options (RFC 8914: 15 is an extended error), in order.
  std::vector<std::uint16_t> option_codes() const;
};

/// Nothing when the bytes are not exactly one well-formed message.
std::optional<Message> decode(const std::uint8_t* data, std::size_t size);
inline std::optional<Message> decode(const Bytes& bytes) {
  return decode(bytes.data(), bytes.size());
}

/// A query, field by field.
struct Query {
  std::string name;
  std::uint16_t type = type_a;
  std::uint16_t id = 0;
  std::uint16_t flags = flag_rd;
  std::uint16_t qclass = 1;
  std::optional<Edns> edns{};
};

Bytes encode(const Query& query);

/// ASCII lower case.
std::string lower_case(std::string_view text);

/// FNV-1a of the lower-cased name.
std::uint64_t name_hash(std::string_view name);

/// The address that the test upstream gives a name: in 198.18.0.0/15 or 2001:db8::/64. `index`
/// counts the records of one answer.
std::string address_of(std::string_view name, std::uint16_t type = type_a, unsigned index = 0);

/// "A" -> 1, "TYPE65280" -> 65280; 0 when unknown.
std::uint16_t type_from_text(std::string_view text);

}  // namespace dnscache::test
