// The statements of named.conf(5) 9.18 whose answer is always the same.
#pragma once

#include <span>

#include "cli/import/remark.hpp"

namespace dnscache::cli::bind {

/// Those in options { }.
std::span<const Remark> option_remarks();

/// Those at the top level.
std::span<const Remark> top_remarks();

}  // namespace dnscache::cli::bind
