#include "resolver/cache/fair_shares.hpp"

#include <algorithm>

namespace dnscache {
namespace {

constexpr std::size_t labels_of_zone = 2;

// The last labels of a name in wire form.
ByteView zone_of(ByteView name) {
  std::array<std::size_t, labels_of_zone> starts{};  // of the labels read last
  std::size_t count = 0;
  for (std::size_t at = 0; name[at] != 0; at += name[at] + std::size_t{1}) {
    starts[count++ % labels_of_zone] = at;
  }
  return name.subspan(count < labels_of_zone ? 0 : starts[count % labels_of_zone]);
}

}  // namespace

ClientId client_id(const IpAddress& client) {
  static const HashKey key = random_hash_key();
  if (client.is_loopback()) return this_machine;
  const ByteView bytes{client.bytes.data(), client.is_v6 ? 8u : 4u};
  return static_cast<ClientId>(hash_bytes(key, bytes)) | 1;
}

FairShares::FairShares(const HashKey& key) : key_(key), bins_(clients * zones) {}

void FairShares::add(Sharer& sharer, ClientId client, ByteView name) {
  const std::size_t of_client = (client >> 1) % clients;
  const std::size_t of_zone = hash_bytes(key_, zone_of(name)) % zones;
  sharer.bin = static_cast<std::uint16_t>(of_client * zones + of_zone);
  sharer.is_counted = true;
  Bin& bin = bins_[sharer.bin];
  sharer.older = bin.newest;
  sharer.newer = nullptr;
  (bin.newest != nullptr ? bin.newest->newer : bin.oldest) = &sharer;
  bin.newest = &sharer;
  ++bin.count;
  ++count_of_client_[of_client];
  ++size_;
}

void FairShares::remove(Sharer& sharer) {
  if (!sharer.is_counted) return;
  sharer.is_counted = false;
  Bin& bin = bins_[sharer.bin];
  (sharer.older != nullptr ? sharer.older->newer : bin.oldest) = sharer.newer;
  (sharer.newer != nullptr ? sharer.newer->older : bin.newest) = sharer.older;
  --bin.count;
  --count_of_client_[sharer.bin / zones];
  --size_;
}

Sharer* FairShares::first_to_give_way() const {
  const auto client = std::ranges::max_element(count_of_client_) - count_of_client_.begin();
  const auto first = bins_.begin() + client * static_cast<std::ptrdiff_t>(zones);
  const auto end = first + static_cast<std::ptrdiff_t>(zones);
  return std::max_element(first, end, [](const Bin& a, const Bin& b) { return a.count < b.count; })
      ->oldest;
}

}  // namespace dnscache
