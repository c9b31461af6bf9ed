// `dnscachectl import`: dnsmasq's configuration as one of ours.
#pragma once

#include <filesystem>
#include <optional>
#include <ostream>

#include "cli/import/translation.hpp"
#include "resolver/error.hpp"

namespace dnscache::cli {

/// What the user asked `import` to do.
struct ImportOptions {
  std::filesystem::path file = "/etc/dnsmasq.conf";
  std::optional<std::filesystem::path> resolv_file;  ///< instead of the one that it names
  std::optional<std::filesystem::path> output;       ///< none: stdout
  bool is_json = false;
};

/// The YAML document with its heading.
std::string imported_config(const Translation& translation, const std::filesystem::path& file);

/// What became of every line, as a table with a line of summary below.
void print_lines(const Translation& translation, std::ostream& out);

/// The configuration goes to `out` or the file, what became of every line to `err`; as JSON, both
/// to `out`. Returns check_failed when a line was refused.
Result<ExitCode> run_import(const ImportOptions& options, std::ostream& out, std::ostream& err);
Result<ExitCode> run_import(const ImportOptions& options);

}  // namespace dnscache::cli
