// Queries to one upstream over TCP (RFC 7766) or TLS (RFC 7858).
#pragma once

#include <asio/io_context.hpp>
#include <memory>

#include "resolver/upstream/world.hpp"

namespace dnscache {

/// A carrier that keeps one connection open for as long as there is something to ask, sends many
/// queries over it without waiting, and takes their responses in any order. The connection is made
/// with the first query and closed when ten seconds bring no response, so that neither an idle nor
/// a dead one is kept. `protocol` is tcp or tls; with tls the
/// server must prove its name (or address) with a certificate from the system's store.
std::shared_ptr<Carrier> make_stream_carrier(asio::io_context& io, World& world,
                                             const UpstreamConfig& upstream, Protocol protocol);

}  // namespace dnscache
