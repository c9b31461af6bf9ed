// Files of names that are not to be resolved, in the formats that such lists have.
#pragma once

#include <functional>
#include <string_view>

#include "resolver/local/lines.hpp"
#include "resolver/wire/name.hpp"

namespace dnscache {

/// Calls `use` for each name that a block list holds. A line is of one of these forms, also mixed:
///
///   0.0.0.0 name name           hosts(5), at an address of this machine or 0.0.0.0 or ::; exactly
///   name, *.name, .name         the name and all below it
///   ||name^                     the same, as lists for browsers write it
///   address=/name/0.0.0.0       dnsmasq's, also server=/name/ and local=/name/
///   local-zone: "name" static   Unbound's, of any type that does not resolve; and its local-data
///   name CNAME .                a response policy zone's; exactly, or below the name for *.name
///
/// What such lists say about this machine's own names ("127.0.0.1 localhost") is left out.
LineProblems read_block_list(std::string_view text,
                             const std::function<void(const Name&, bool with_subdomains)>& use);

}  // namespace dnscache
