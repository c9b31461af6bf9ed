// Files of names: hosts(5) and block lists.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/endpoint.hpp"
#include "resolver/wire/name.hpp"

namespace dnscache {

/// A line that can't be used.
struct LineProblem {
  std::size_t line = 0;  ///< from 1
  std::string message;
};

/// The lines that could not be used: how many, and the first of them.
struct LineProblems {
  std::size_t count = 0;
  std::vector<LineProblem> first;  ///< at most ten
};

/// Calls `use` for each name of a text in the form of hosts(5), in order. `is_first` is true for
/// the first name of a line, which the address stands for in reverse.
LineProblems read_hosts(
    std::string_view text,
    const std::function<void(const IpAddress&, const Name&, bool is_first)>& use);

/// Calls `use` for each name that a block list holds. A line is either in the form of hosts(5), an
/// address of this machine or 0.0.0.0 or :: and names, each blocked exactly; or it is one domain,
/// with or without "*." or "." in front, blocked `with_subdomains`. What such lists say about this
/// machine's own names ("127.0.0.1 localhost") is left out.
LineProblems read_block_list(std::string_view text,
                             const std::function<void(const Name&, bool with_subdomains)>& use);

}  // namespace dnscache
