// The configuration file: YAML to Config and back.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/config/config.hpp"
#include "resolver/config/problem.hpp"
#include "resolver/config/schema.hpp"

namespace dnscache {

/// A configuration together with every reason why it cannot be used.
struct ConfigReading {
  Config config;                  ///< only to be used when there are no problems
  std::vector<Problem> problems;  ///< in the order of the file

  explicit operator bool() const { return problems.empty(); }
};

/// Reads YAML; an empty text gives the defaults. `file` is the name in the problems.
ConfigReading read_config(std::string_view text, const std::string& file);

/// Reports to `context` what settings that are each fine say against one another.
void check_together(const Config& config, ReadContext& context);

/// Reads the file at `path`.
ConfigReading read_config_file(const std::filesystem::path& path);

/// Reads the file that was named or else the one at the default path; if that does not exist,
/// everything has its default.
ConfigReading read_config_file_or_default(const std::optional<std::filesystem::path>& named);

/// The configuration as YAML with every default, commented; reads back as an equal Config.
std::string print_config(const Config& config);

/// Where settings ("cache.size") and elements of lists ("routes[0]") come from.
using Origins = std::map<std::string, std::vector<std::string>>;

/// The settings that have origins or not their default as YAML, each below its origins as comments;
/// reads back as an equal Config.
std::string print_config(const Config& config, const Origins& origins);

}  // namespace dnscache
