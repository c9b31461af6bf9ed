// Values by domain name, found by a name or by the longest of its suffixes.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>
#include <vector>

#include "resolver/wire/name.hpp"

namespace dnscache {

__extension__ using Uint128 = unsigned __int128;

/// A name and all its suffixes with their hashes, made in one pass from the root: each costs only
/// its own label. The hash is seeded once per process. Views the name's bytes.
class Suffixes {
 public:
  explicit Suffixes(ByteView name);

  /// Labels of the whole name, which is also the number of its suffixes without the root.
  unsigned labels() const { return labels_; }
  /// The suffix of so many labels; 0 is the root.
  ByteView name(unsigned labels) const { return name_.subspan(start_[labels]); }
  std::uint64_t hash(unsigned labels) const { return hash_[labels]; }

 private:
  static constexpr std::size_t max_labels = 128;

  ByteView name_;
  unsigned labels_ = 0;
  std::array<std::uint8_t, max_labels> start_;  // by number of labels
  std::array<std::uint64_t, max_labels> hash_;
};

/// A map from names to small values. It is made for lists of a million names: a slot of eight bytes
/// in an open-addressing table leads to the name's own bytes, which are always compared in full, so
/// that no collision can ever match a wrong name.
template <class Value>
class NameTable {
  static_assert(std::is_trivially_copyable_v<Value>);

 public:
  bool is_empty() const { return count_ == 0; }
  std::size_t size() const { return count_; }
  /// Everything that was allocated.
  std::size_t bytes() const { return slots_.capacity() * sizeof(Slot) + pool_.capacity(); }

  /// The value of a name, made with `initial` if there is none.
  Value get_or_add(ByteView name, Value initial) {
    const Suffixes suffixes(name);
    const std::uint64_t hash = suffixes.hash(suffixes.labels());
    if (const auto at = locate(hash, name)) return load(*at);
    add(hash, suffixes.labels(), name, initial);
    return initial;
  }
  /// Sets the value of a name.
  void put(ByteView name, Value value) {
    const Suffixes suffixes(name);
    const std::uint64_t hash = suffixes.hash(suffixes.labels());
    if (const auto at = locate(hash, name)) {
      std::memcpy(pool_.data() + *at, &value, sizeof value);
    } else {
      add(hash, suffixes.labels(), name, value);
    }
  }

  /// The value of the suffix of so many labels.
  std::optional<Value> find(const Suffixes& suffixes, unsigned labels) const {
    if (!has_depth(labels)) return std::nullopt;
    const auto at = locate(suffixes.hash(labels), suffixes.name(labels));
    if (!at) return std::nullopt;
    return load(*at);
  }

  /// The longest suffix with a value.
  struct Match {
    Value value;
    unsigned labels;
  };
  /// `accept(value, labels)` tells whether a suffix's value counts for the whole name.
  template <class Accept>
  std::optional<Match> longest(const Suffixes& suffixes, const Accept& accept) const {
    if (count_ == 0) return std::nullopt;
    // The slots of all suffixes are fetched from memory at the same time.
    for (unsigned labels = suffixes.labels() + 1; labels-- > 0;) {
      if (has_depth(labels)) __builtin_prefetch(&slots_[slot_of(suffixes.hash(labels))]);
    }
    for (unsigned labels = suffixes.labels() + 1; labels-- > 0;) {
      const auto value = find(suffixes, labels);
      if (value && accept(*value, labels)) return Match{*value, labels};
    }
    return std::nullopt;
  }

  /// Gives back memory that adding left over.
  void shrink() {
    rebuild(count_ + count_ / 3 + 1);
    slots_.shrink_to_fit();
    pool_.shrink_to_fit();
  }

 private:
  /// Where an entry lies in the pool: its value and the name, which its root's byte ends. 0: free.
  struct Slot {
    std::uint32_t tag;
    std::uint32_t at;
  };

  bool has_depth(unsigned labels) const { return depths_[labels / 64] >> labels % 64 & 1; }
  std::size_t slot_of(std::uint64_t hash) const {
    return static_cast<std::size_t>(static_cast<Uint128>(hash) * slots_.size() >> 64);
  }
  Value load(std::uint32_t at) const {
    Value value;
    std::memcpy(&value, pool_.data() + at, sizeof value);
    return value;
  }
  const std::uint8_t* name_at(std::size_t at) const { return pool_.data() + at + sizeof(Value); }
  // No name is the beginning of another one, so nothing needs to tell the size.
  bool is_at(std::uint32_t at, ByteView name) const {
    return pool_.size() - at >= sizeof(Value) + name.size() &&
           std::memcmp(name_at(at), name.data(), name.size()) == 0;
  }

  std::optional<std::uint32_t> locate(std::uint64_t hash, ByteView name) const {
    if (slots_.empty()) return std::nullopt;
    const auto tag = static_cast<std::uint32_t>(hash);
    for (std::size_t i = slot_of(hash); slots_[i].at != 0; i = i + 1 == slots_.size() ? 0 : i + 1) {
      if (slots_[i].tag != tag) continue;
      if (is_at(slots_[i].at, name)) return slots_[i].at;
    }
    return std::nullopt;
  }

  void add(std::uint64_t hash, unsigned labels, ByteView name, Value value) {
    if ((count_ + 1) * 4 > slots_.size() * 3) rebuild(slots_.size() + slots_.size() / 2 + 16);
    if (pool_.empty()) pool_.push_back(0);  // offset 0 means that a slot is free
    const auto at = static_cast<std::uint32_t>(pool_.size());
    pool_.resize(pool_.size() + sizeof value + name.size());
    std::memcpy(pool_.data() + at, &value, sizeof value);
    std::memcpy(pool_.data() + at + sizeof value, name.data(), name.size());
    place(hash, at);
    depths_[labels / 64] |= std::uint64_t{1} << labels % 64;
    ++count_;
  }

  void place(std::uint64_t hash, std::uint32_t at) {
    std::size_t i = slot_of(hash);
    while (slots_[i].at != 0) i = i + 1 == slots_.size() ? 0 : i + 1;
    slots_[i] = {static_cast<std::uint32_t>(hash), at};
  }

  void rebuild(std::size_t slots) {
    slots_ = std::vector<Slot>(slots);
    for (std::size_t at = 1; at < pool_.size();) {
      const std::uint8_t* name = name_at(at);
      std::size_t size = 1;
      while (name[size - 1] != 0) size += 1u + name[size - 1];
      const Suffixes suffixes({name, size});
      place(suffixes.hash(suffixes.labels()), static_cast<std::uint32_t>(at));
      at += sizeof(Value) + size;
    }
  }

  std::size_t count_ = 0;
  std::array<std::uint64_t, 2> depths_{};  // of which numbers of labels there are names
  std::vector<Slot> slots_;
  std::vector<std::uint8_t> pool_;
};

}  // namespace dnscache
