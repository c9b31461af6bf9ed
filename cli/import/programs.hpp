// The programs whose configuration can be translated, and how a file of theirs is known.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "cli/import/files.hpp"
#include "cli/import/translation.hpp"

namespace dnscache::cli {

/// One that resolves names.
enum class Program { dnsmasq, unbound, bind, resolved };

std::optional<Program> parse_program(std::string_view text);

/// Where its configuration is unless somebody has moved it.
std::filesystem::path default_file(Program program);

/// Whose configuration a text is, by what only that program writes. dnsmasq's has no such mark: any
/// other text is taken for it.
Program recognize(std::string_view text);

/// Translates `file`, of the program that it is recognized by unless one is given. `resolv_file` is
/// for dnsmasq, which alone takes its servers from another file.
Result<Translation> import_file(const std::filesystem::path& file, std::optional<Program> program,
                                const std::optional<std::filesystem::path>& resolv_file,
                                const ImportFiles& files);

}  // namespace dnscache::cli
