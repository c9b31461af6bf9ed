// The configuration in environment variables, as containers are configured.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "resolver/base/error.hpp"
#include "resolver/config/config.hpp"

namespace dnscache::cli {

/// Names and values of environment variables.
using Environment = std::map<std::string, std::string>;

/// The variables of this process whose names begin with DNSCACHE_.
Environment our_environment();

/// "DNSCACHE_CACHE_SIZE" for the setting `cache.size`.
std::string variable_of(const std::string& setting);

/// The file that DNSCACHE_CONFIG names; empty: none.
std::filesystem::path config_in(const Environment& environment);

/// Puts the settings of the environment into `config`, and checks it as a file is checked. The
/// elements of a list stand between commas; records, trust anchors, and zones with what they are
/// mapped to between semicolons, as in "corp.example=10.1.0.2,10.1.0.3". Variables that name no
/// setting are left alone: Kubernetes makes some for a service of our name. The error has the
/// variable's name in front.
Result<void> apply_environment(const Environment& environment, Config& config);

}  // namespace dnscache::cli
