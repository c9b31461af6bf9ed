// Options that need no code: what is said of them is always the same.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/import/draft.hpp"

namespace dnscache::cli {

/// The same words for several options.
struct Remark {
  LineResult result;
  std::string_view why;
  std::string_view options;  ///< separated by blanks; "dhcp-*" means all that begin so
};

/// Finishes the current line with what the table says of the option; false if it says nothing.
bool apply_remark(Draft& draft, std::span<const Remark> table, std::string_view option);

/// Adds the options of a table, without those that end in "*", to the names that may be meant.
void add_names(std::vector<std::string>& names, std::span<const Remark> table);

/// Refuses an option that the other program does not have, with the one that may be meant.
void refuse_unknown(Draft& draft, const std::string& option, std::string_view program,
                    const std::vector<std::string>& known);

}  // namespace dnscache::cli
