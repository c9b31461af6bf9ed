#include "resolver/cache/hash.hpp"

#include <sys/random.h>

#include <bit>
#include <cstring>

namespace dnscache {
namespace {

/// The four state words of SipHash.
struct SipState {
  std::uint64_t v0, v1, v2, v3;

  explicit SipState(const HashKey& key)
      : v0(key[0] ^ 0x736f6d6570736575),
        v1(key[1] ^ 0x646f72616e646f6d),
        v2(key[0] ^ 0x6c7967656e657261),
        v3(key[1] ^ 0x7465646279746573) {}

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }

  void absorb(std::uint64_t word) {
    v3 ^= word;
    round();
    v0 ^= word;
  }

  void absorb(ByteView bytes) {
    std::size_t at = 0;
    std::uint64_t word = 0;
    for (; at + 8 <= bytes.size(); at += 8) {
      std::memcpy(&word, bytes.data() + at, 8);
      absorb(word);
    }
    word = 0;
    if (at < bytes.size()) std::memcpy(&word, bytes.data() + at, bytes.size() - at);
    absorb(word);
  }

  std::uint64_t finish() {
    v2 ^= 0xff;
    for (int i = 0; i < 3; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace

HashKey random_hash_key() {
  HashKey key{};
  while (::getrandom(key.data(), sizeof key, 0) != sizeof key) {
  }
  return key;
}

std::uint64_t hash_question(const HashKey& key, ByteView name, std::uint16_t type,
                            std::uint8_t bits) {
  SipState state(key);
  state.absorb(name);
  state.absorb(static_cast<std::uint64_t>(name.size()) << 32 | std::uint64_t{type} << 8 | bits);
  return state.finish();
}

std::uint64_t hash_bytes(const HashKey& key, ByteView bytes) {
  SipState state(key);
  state.absorb(bytes);
  state.absorb(static_cast<std::uint64_t>(bytes.size()));
  return state.finish();
}

}  // namespace dnscache
