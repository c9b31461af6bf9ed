#include "resolver/local/name_table.hpp"

#include <sys/random.h>

namespace dnscache {
namespace {

// Whoever knows the seed could only choose names to ask for that share a slot with a listed one.
std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  while (::getrandom(&seed, sizeof seed, 0) != sizeof seed) {
  }
  return seed;
}

const std::uint64_t seed = random_seed();

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<Uint128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

template <class Word>
std::uint64_t load(const std::uint8_t* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// Two to eight bytes as one number; the first one, a label's length, tells how many they are.
std::uint64_t load_short(const std::uint8_t* at, std::size_t size) {
  if (size >= 4) return load<std::uint32_t>(at) | load<std::uint32_t>(at + size - 4) << 32;
  return std::uint64_t{at[0]} << 16 | std::uint64_t{at[size / 2]} << 8 | at[size - 1];
}

// The hash of what follows a label, with the label (its length byte first) put in front.
std::uint64_t extend(std::uint64_t hash, const std::uint8_t* label, std::size_t size) {
  constexpr std::uint64_t multiplier = 0x9e3779b97f4a7c15;
  if (size <= 8) return mix(hash ^ load_short(label, size), multiplier);
  for (; size > 8; label += 8, size -= 8) {
    hash = mix(hash ^ load<std::uint64_t>(label), multiplier);
  }
  // Reaches back into what was read already rather than beyond the end.
  return mix(hash ^ load<std::uint64_t>(label + size - 8), multiplier);
}

}  // namespace

Suffixes::Suffixes(ByteView name) : name_(name) {
  std::array<std::uint8_t, max_labels> starts;
  std::size_t at = 0;
  for (; name[at] != 0; at += 1u + name[at]) starts[labels_++] = static_cast<std::uint8_t>(at);
  start_[0] = static_cast<std::uint8_t>(at);
  hash_[0] = mix(seed, 0xd6e8feb86659fd93);
  for (unsigned labels = 1; labels <= labels_; ++labels) {
    const std::size_t start = starts[labels_ - labels];
    start_[labels] = static_cast<std::uint8_t>(start);
    hash_[labels] = extend(hash_[labels - 1], &name[start], 1u + name[start]);
  }
}

}  // namespace dnscache
