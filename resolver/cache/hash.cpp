#include "resolver/cache/hash.hpp"

#include <sys/random.h>

#include <bit>
#include <cstring>

namespace dnscache {
namespace {

/// The four state words of SipHash.
struct SipState {
  std::uint64_t v0, v1, v2, v3;

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
  SipState state{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                 key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
  std::size_t at = 0;
  std::uint64_t word = 0;
  for (; at + 8 <= name.size(); at += 8) {
    std::memcpy(&word, name.data() + at, 8);
    state.absorb(word);
  }
  word = 0;
  std::memcpy(&word, name.data() + at, name.size() - at);
  state.absorb(word);
  state.absorb(static_cast<std::uint64_t>(name.size()) << 32 | std::uint64_t{type} << 8 | bits);
  state.v2 ^= 0xff;
  for (int i = 0; i < 3; ++i) state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace dnscache
