// Which line of the configuration made the engine answer as it did.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/settings/config_lines.hpp"

namespace dnscache::cli {

/// A member of a reply of the engine, which may be of another version: empty where it is missing.
std::string text_of(const nlohmann::json& object, const char* key);
nlohmann::json part_of(const nlohmann::json& object, const char* key);

/// The configuration file that a reply of the control command `explain` names.
ConfigLines lines_of(const nlohmann::json& reply);

/// The rule that made the engine answer as it did, or whose upstreams it asked, in words with the
/// file and line.
std::string decision_in_words(const nlohmann::json& reply, const ConfigLines& lines);

}  // namespace dnscache::cli
