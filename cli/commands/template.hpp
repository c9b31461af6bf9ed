// `dnscachectl template`: files that bring the cache to clouds, containers and fleets.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What `template` was asked for; empty values have a default or leave their lines out.
struct TemplateOptions {
  std::string name;
  std::vector<std::string> upstreams;
  std::vector<std::string> routes;  ///< as --route of setup
  std::filesystem::path config;
  std::string url;
  std::string sha256;
  std::string image;
  std::string app;
  std::string form = "sidecar";
};

/// Every NAME there is, sorted.
const std::vector<std::string>& template_names();

/// The file as text. The error says which value is wrong.
Result<std::string> render_template(const TemplateOptions& options);

Result<ExitCode> run_template(const TemplateOptions& options);

}  // namespace dnscache::cli
