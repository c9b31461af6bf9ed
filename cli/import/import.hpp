// A translation as it is shown: the configuration, and what became of every line.
#pragma once

#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "cli/import/translation.hpp"

namespace dnscache::cli {

/// The YAML document with its heading.
std::string imported_config(const Translation& translation, const std::filesystem::path& file);

/// Whether `only`, results as the command line writes them, has this line's; empty: all are shown.
bool is_shown(const TranslatedLine& line, const std::vector<std::string>& only);

/// What became of every line, refused ones first, with a line of summary below.
void print_lines(const Translation& translation, const std::vector<std::string>& only,
                 std::ostream& out);

}  // namespace dnscache::cli
