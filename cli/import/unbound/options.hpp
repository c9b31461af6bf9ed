// The options of unbound.conf(5) 1.17 whose answer is always the same.
#pragma once

#include <span>
#include <string_view>

#include "cli/import/remark.hpp"

namespace dnscache::cli::unbound {

/// Those of `server:`, and those that begin a section which is not translated.
std::span<const Remark> server_remarks();

/// What is said of every line in a section; empty for sections that are translated.
std::string_view section_remark(std::string_view section);

}  // namespace dnscache::cli::unbound
