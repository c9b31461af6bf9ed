// Queries to one upstream over UDP.
#pragma once

#include <asio/io_context.hpp>
#include <memory>

#include "resolver/upstream/world.hpp"

namespace dnscache {

/// A carrier in which each query leaves from a source port of its own that the kernel picked at
/// random (RFC 5452 section 9.2), by the route and from the address that are right at that moment.
/// Beyond 2,000 queries a second, others leave from one of 256 to 4,096 such ports, each at most a
/// second old unless all wait for responses.
/// The kernel passes only packets from the upstream's address. Throws std::system_error when no
/// descriptors are left.
std::shared_ptr<Carrier> make_udp_carrier(asio::io_context& io, World& world,
                                          const UpstreamConfig& upstream);

}  // namespace dnscache
