// DNS cookies towards an upstream (RFC 7873, RFC 9018).
#pragma once

#include <array>
#include <cstdint>

#include "resolver/wire/name.hpp"

namespace dnscache {

/// What we and one upstream show each other so that nobody else can answer in its name: our eight
/// random bytes, followed by the upstream's own once it has sent them.
class Cookie {
 public:
  explicit Cookie(std::uint64_t random);

  /// The option's data as it is sent.
  ByteView bytes() const { return {bytes_.data(), size_}; }

  /// The upstream has shown a part of its own.
  bool is_established() const { return size_ > client_size; }

  /// Looks at the data of a response's COOKIE option, empty for none, and remembers the upstream's
  /// part. False when the response must be discarded: it lacks our part although the upstream has
  /// returned it before (RFC 7873 section 5.3).
  bool accept(ByteView option);

  /// The upstream has no cookies any more, as a response that nobody can forge has shown.
  void withdraw() { size_ = client_size; }

 private:
  static constexpr std::size_t client_size = 8;  // bytes, RFC 7873 section 4
  static constexpr std::size_t min_size = 16;    // of both parts
  static constexpr std::size_t max_size = 40;

  std::array<std::uint8_t, max_size> bytes_{};
  std::size_t size_ = client_size;
};

}  // namespace dnscache
