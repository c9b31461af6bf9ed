// An endpoint as asio takes it.
#pragma once

#include <cstring>

#include "resolver/base/endpoint.hpp"

namespace dnscache {

template <class Protocol>
typename Protocol::endpoint to_asio(const Endpoint& endpoint) {
  sockaddr_storage storage{};
  const auto size = endpoint.to_sockaddr(storage);
  typename Protocol::endpoint out;
  std::memcpy(out.data(), &storage, size);
  out.resize(size);
  return out;
}

}  // namespace dnscache
