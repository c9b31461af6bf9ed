// `dnscachectl import`: another program's configuration as one of ours.
#pragma once

#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "cli/import/translation.hpp"
#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What the user asked `import` to do.
struct ImportOptions {
  std::filesystem::path file;       ///< empty: where `from` or else dnsmasq has it; "-": stdin
  std::string from;                 ///< the program; empty: by what is in the file
  std::vector<std::string> only{};  ///< results of the lines that are shown; empty: all
  std::optional<std::filesystem::path> resolv_file{};  ///< instead of the one that it names
  std::optional<std::filesystem::path> output{};       ///< none: stdout
  bool is_json = false;
};

/// The YAML document with its heading.
std::string imported_config(const Translation& translation, const std::filesystem::path& file);

/// Where the names go that are blocked, beside the configuration.
std::filesystem::path block_list_beside(const std::filesystem::path& config);

/// What became of every line, refused ones first, with a line of summary below. `only` as in
/// ImportOptions.
void print_lines(const Translation& translation, const std::vector<std::string>& only,
                 std::ostream& out);

/// The configuration goes to `out` or the file, what became of every line to `err`; as JSON, both
/// to `out`. Returns check_failed when a line was refused.
Result<ExitCode> run_import(const ImportOptions& options, std::ostream& out, std::ostream& err);
Result<ExitCode> run_import(const ImportOptions& options);

}  // namespace dnscache::cli
