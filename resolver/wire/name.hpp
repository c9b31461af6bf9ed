// Domain names in wire form (RFC 1035 section 3.1).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dnscache {

/// Bytes that somebody else owns.
using ByteView = std::span<const std::uint8_t>;

inline constexpr std::size_t max_name_size = 255;  ///< bytes in wire form, RFC 1035 section 2.3.4
inline constexpr std::size_t max_label_size = 63;  ///< bytes, without the length byte

/// ASCII lower case; DNS compares names without case in ASCII only (RFC 4343).
constexpr std::uint8_t to_lower(std::uint8_t c) {
  return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c + ('a' - 'A')) : c;
}

/// The lower-case wire-form `name` equals `zone` or lies below it.
bool is_within(ByteView name, ByteView zone);

/// A domain name: uncompressed wire form in lower case, the root's zero byte included.
class Name {
 public:
  /// The root, ".".
  Name() : size_(1) { bytes_[0] = 0; }
  Name(const Name& other) : size_(other.size_) { copy_from(other); }
  Name& operator=(const Name& other) {
    size_ = other.size_;
    copy_from(other);
    return *this;
  }

  /// Presentation form with or without the final dot: "www.example.com", "\.", "\065" escapes as
  /// in RFC 1035 section 5.1. Nothing for an empty text, empty labels and what is too long.
  static std::optional<Name> parse(std::string_view text);

  /// Reads the possibly compressed name at `offset` of a whole message and moves `offset` behind
  /// it. Nothing, with `offset` unspecified, when it leaves the message, is longer than 255 bytes,
  /// or has a pointer that does not point backwards (RFC 1035 section 4.1.4).
  static std::optional<Name> read(ByteView message, std::size_t& offset);

  /// Wire form.
  ByteView bytes() const { return {bytes_.data(), size_}; }
  std::size_t size() const { return size_; }
  bool is_root() const { return size_ == 1; }
  unsigned label_count() const;  ///< without the root

  /// This name equals `zone` or lies below it.
  bool is_within(const Name& zone) const { return dnscache::is_within(bytes(), zone.bytes()); }
  /// The name without its first label; the root's parent is the root.
  Name parent() const;
  /// Presentation form without the final dot; "." for the root; unusual bytes escaped.
  std::string to_text() const;

  bool operator==(const Name& other) const { return std::ranges::equal(bytes(), other.bytes()); }
  bool operator<(const Name& other) const {
    return std::ranges::lexicographical_compare(bytes(), other.bytes());
  }

 private:
  friend class QueryReader;
  void copy_from(const Name& other) { std::copy_n(other.bytes_.data(), size_, bytes_.data()); }
  bool append_label(ByteView label);

  std::uint8_t size_;
  std::array<std::uint8_t, max_name_size> bytes_;
};

/// Moves `offset` behind the name there, checked as by Name::read() but not kept. The 4-byte TTLs
/// at `ttl_offsets`, in order and counted from `records`, will change, and so will the data of
/// address records: a name that a pointer leads through them is refused.
bool check_name(ByteView message, std::size_t& offset, std::size_t records = 0,
                std::span<const std::uint16_t> ttl_offsets = {});

/// A name in the letter case that it has in a message.
struct WrittenName {
  std::vector<std::uint8_t> bytes;  ///< wire form, uncompressed
  /// The end of it that lies in the message's question: where in `bytes` it begins, and where in
  /// the message. Without one: the root's byte, and 0.
  std::size_t own_size = 0;
  std::size_t question_at = 0;
};

/// The name at `offset`, read as by Name::read(); the message's question ends at `question_end`.
std::optional<WrittenName> read_name_as_is(ByteView message, std::size_t& offset,
                                           std::size_t question_end);

/// Moves `offset` behind the possibly compressed name there, without following its pointer; false
/// when the name leaves the message or has a label of an unknown kind.
bool skip_name(ByteView message, std::size_t& offset);

}  // namespace dnscache
