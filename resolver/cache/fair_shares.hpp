// Who takes how much of what is scarce.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "resolver/base/endpoint.hpp"
#include "resolver/cache/hash.hpp"

namespace dnscache {

/// A client as far as shares go: a hash of its address (IPv6: of its /64).
using ClientId = std::uint32_t;
inline constexpr ClientId this_machine = 0;  ///< whoever asks from a loopback address

ClientId client_id(const IpAddress& client);

/// Something that takes room.
struct Sharer {
  Sharer* older = nullptr;  ///< of the same client and zone
  Sharer* newer = nullptr;
  std::uint16_t bin = 0;
  bool is_counted = false;
};

/// All that take room, by client and zone. Clients and zones are told apart by a few bits of a
/// secret hash, so that no lookup depends on how many there are.
class FairShares {
 public:
  explicit FairShares(const HashKey& key = random_hash_key());

  /// `name` is the question's name; its last two labels stand for its zone.
  void add(Sharer& sharer, ClientId client, ByteView name);
  /// Nothing happens when it is not counted.
  void remove(Sharer& sharer);
  std::size_t size() const { return size_; }
  /// The oldest in the largest zone of the client that takes most; null: there is none.
  Sharer* first_to_give_way() const;

 private:
  struct Bin {
    Sharer* oldest = nullptr;
    Sharer* newest = nullptr;
    std::uint32_t count = 0;
  };
  static constexpr std::size_t clients = 64;
  static constexpr std::size_t zones = 32;  // of each client

  HashKey key_;
  std::vector<Bin> bins_;
  std::array<std::uint32_t, clients> count_of_client_{};
  std::size_t size_ = 0;
};

}  // namespace dnscache
