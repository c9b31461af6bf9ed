// dnscachectl check: is the configuration file valid, and what does it amount to?
#pragma once

#include <filesystem>
#include <iosfwd>
#include <optional>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What the user asked `check` to do.
struct CheckOptions {
  /// None: the default path, where no file means that everything has its default.
  std::optional<std::filesystem::path> file;
  bool json = false;
  bool print = false;  ///< show the effective configuration, too
};

/// Every problem on `err`, or the verdict on `out`; with `json` one object on `out`. Returns done
/// or check_failed.
ExitCode run_check(const CheckOptions& options, std::ostream& out, std::ostream& err);

}  // namespace dnscache::cli
