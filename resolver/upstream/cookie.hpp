// DNS cookies towards an upstream (RFC 7873, RFC 9018).
#pragma once

#include <array>
#include <cstdint>

#include "resolver/wire/name.hpp"

namespace dnscache {

/// What we and one upstream show each other so that nobody else can answer in its name: our eight
/// random bytes, followed by the upstream's own once it has told them.
class Cookie {
 public:
  explicit Cookie(std::uint64_t random);

  /// The option's data as it is sent; empty when this upstream is not to be sent any.
  ByteView bytes() const { return {bytes_.data(), is_offered_ ? size_ : 0}; }

  /// Looks at the data of a response's cookie option, empty for none, and remembers the upstream's
  /// part. False when the response is to be ignored: it lacks our part although the upstream has
  /// returned it before (RFC 7873 section 5.3). An upstream that leaves it out again and again is
  /// several servers behind one address, not all of which speak cookies; then it is not asked for.
  bool accept(ByteView option);

  /// This upstream answers without cookies only.
  void withdraw() { is_offered_ = false; }

 private:
  static constexpr std::size_t client_size = 8;  // bytes, RFC 7873 section 4
  static constexpr std::size_t min_size = 16;    // of both parts
  static constexpr std::size_t max_size = 40;

  std::array<std::uint8_t, max_size> bytes_{};
  std::size_t size_ = client_size;
  unsigned times_missing_ = 0;
  bool is_offered_ = true;
};

}  // namespace dnscache
