// Files of names in the form of hosts(5).
#pragma once

#include <functional>
#include <string_view>

#include "resolver/local/lines.hpp"
#include "resolver/wire/name.hpp"

namespace dnscache {

/// Calls `use` for each name of a text in the form of hosts(5), in order. `is_first` is true for
/// the first name of a line, which the address stands for in reverse.
LineProblems read_hosts(
    std::string_view text,
    const std::function<void(const IpAddress&, const Name&, bool is_first)>& use);

}  // namespace dnscache
