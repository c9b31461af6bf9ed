// `dnscachectl schema`: the configuration's shape for editors.
#pragma once

#include <nlohmann/json.hpp>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// The JSON Schema (draft 7) of the configuration, from the table of settings.
nlohmann::ordered_json config_schema();

Result<ExitCode> run_schema();

}  // namespace dnscache::cli
