// How single values are written in the configuration: "10s", "64MiB", "5%", "tls://192.0.2.1".
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "resolver/base/error.hpp"
#include "resolver/config/config.hpp"

namespace dnscache {

// Each parse_* error reads on after the value in quotes: `"10" has no unit`. Whatever parses is
// printed by its print_* so that it parses to the same value again.

/// A whole number and ms, s, m, h or d; up to 10 years.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);
std::string print_duration(std::chrono::milliseconds duration);

/// A whole number of bytes with B, KiB, MiB, GiB or TiB.
Result<std::uint64_t> parse_size(std::string_view text);
std::string print_size(std::uint64_t bytes);

/// "5%", "2.25%": a share between 0 and 1 in steps of 0.0001.
Result<double> parse_share(std::string_view text);
std::string print_share(double share);

/// Decimal digits without leading zeros.
Result<std::uint64_t> parse_number(std::string_view text);

/// An absolute path without control characters.
Result<std::filesystem::path> parse_path(std::string_view text);

/// An address to listen on; port 53 unless another one is written.
Result<Endpoint> parse_listen(std::string_view text);

/// The same for the metrics listener, whose port is 9153 unless given.
Result<Endpoint> parse_metrics_listen(std::string_view text);

/// "[protocol://]address[:port][#tls_name]" as in "192.0.2.1",
/// "tls://[2001:db8::1]:853#dns.example". The protocol is udp unless written, the port 53, or 853
/// for tls (RFC 7858).
Result<UpstreamConfig> parse_upstream(std::string_view text);
std::string print_upstream(const UpstreamConfig& upstream);

/// The address of an upstream, "192.0.2.1:5353", whose protocol is known already. The interface in
/// "fe80::1%eth0" need not be there yet.
Result<void> parse_upstream_address(std::string_view text, UpstreamConfig& upstream);
/// "192.0.2.1:53" or "[fe80::1%eth0]:53".
std::string address_text(const UpstreamConfig& upstream);
Result<Protocol> parse_protocol(std::string_view text);
/// A host name as it stands in a certificate, without a wildcard.
Result<std::string> parse_tls_name(std::string_view text);

/// A domain name in ASCII, not the root.
Result<Name> parse_zone(std::string_view text);

/// An absolute path, or a DS or DNSKEY record in presentation form (RFC 4034 sections 2.2 and 5.3).
Result<std::string> parse_trust_anchor(std::string_view text);

/// "10.0.0.0/8", "2001:db8::/32", or one address; no bits behind the prefix.
Result<Network> parse_network(std::string_view text);

/// Packets to `target` arrive at one of our own `listen` addresses; a wildcard address stands for
/// every loopback address, since the others are not known here.
bool reaches_us(const Endpoint& target, const std::vector<Endpoint>& listen);

}  // namespace dnscache
