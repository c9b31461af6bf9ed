// Running another program of this machine, such as resolvconf(8).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// Runs `words` with `input` as its standard input, and waits. The error has the last line that it
/// wrote and its exit status. Nothing of ours reaches its standard output.
Result<void> run_tool(const std::vector<std::string>& words, std::string_view input = {});

}  // namespace dnscache::cli
