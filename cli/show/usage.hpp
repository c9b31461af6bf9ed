// What a wrong command line is answered with.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// `help cache list` as `cache list --help`, `version` as `--version`; other words as they are.
std::vector<std::string> as_options(std::vector<std::string> words);

/// Help and version go to stdout (ExitCode::done), everything else becomes one line on stderr
/// (ExitCode::usage). CLI11's own exit codes never leave this function.
ExitCode report_parse_error(const CLI::App& app, const CLI::ParseError& error);

}  // namespace dnscache::cli
