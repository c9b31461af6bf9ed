// `dnscachectl flush` and `cache flush`: forget answers.
#pragma once

#include <filesystem>
#include <string>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What `flush` was asked to do: exactly one of `name`, `zone`, `is_negative` and `is_all`.
struct FlushOptions {
  std::filesystem::path control;  ///< empty: what the configuration says
  std::string name;
  std::string type;  ///< of the name; empty: all types
  std::string zone;
  bool is_negative = false;  ///< answers that say that there is no data
  bool is_all = false;
  bool is_json = false;
};

Result<ExitCode> run_flush(const FlushOptions& options);

}  // namespace dnscache::cli
