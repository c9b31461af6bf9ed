#include "resolver/upstream/cookie.hpp"

#include <algorithm>
#include <cstring>

namespace dnscache {

Cookie::Cookie(std::uint64_t random) { std::memcpy(bytes_.data(), &random, client_size); }

bool Cookie::accept(ByteView option) {
  const bool is_ours =
      option.size() >= client_size &&
      std::ranges::equal(option.first(client_size), ByteView(bytes_).first(client_size));
  if (!is_ours) return size_ == client_size;  // the upstream has not shown any so far
  const bool has_both_parts = option.size() >= min_size && option.size() <= max_size;
  if (!has_both_parts) return true;  // an echo: the right server, but it has no cookies
  std::ranges::copy(option, bytes_.begin());
  size_ = option.size();
  return true;
}

}  // namespace dnscache
