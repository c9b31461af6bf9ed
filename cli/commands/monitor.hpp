// `dnscachectl monitor`: queries and answers as they come.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What `monitor` was asked to show.
struct MonitorOptions {
  std::filesystem::path control;  ///< empty: what the configuration says
  std::string zone;               ///< only names in it; empty: all
  std::string client;             ///< only of this address; empty: of all
  bool is_for_failed = false;
  bool is_json = false;
};

/// One query in one line.
std::string monitor_line(const nlohmann::json& query);

}  // namespace dnscache::cli
