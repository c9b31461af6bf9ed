// The keyed hash of questions, so that nobody outside can choose names that collide.
#pragma once

#include <array>
#include <cstdint>

#include "resolver/wire/query.hpp"

namespace dnscache {

/// The secret of one process under which questions are hashed.
using HashKey = std::array<std::uint64_t, 2>;

/// A fresh key from getrandom(2).
HashKey random_hash_key();

/// SipHash-1-3 (Aumasson and Bernstein, 2012) of a question's name, type, DO and CD.
std::uint64_t hash_question(const HashKey& key, ByteView name, std::uint16_t type,
                            std::uint8_t bits);

/// SipHash-1-3 of any bytes: with a fixed key, a checksum.
std::uint64_t hash_bytes(const HashKey& key, ByteView bytes);

}  // namespace dnscache
