// The files of the other program, behind functions so that tests and fuzzers bring their own.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// How files are looked at; the errors begin with the path.
struct ImportFiles {
  std::function<Result<std::string>(const std::filesystem::path&)> read;
  /// The names of the regular files in a folder.
  std::function<Result<std::vector<std::string>>(const std::filesystem::path&)> list;
};

/// The files of this machine.
ImportFiles real_files();

/// `text` from the root: daemons run there.
std::filesystem::path absolute_path(const std::string& text);

/// What an include that may be a pattern ("/etc/unbound/unbound.conf.d/*.conf", in the last part of
/// the path only) stands for, sorted. The path itself when it is no pattern.
Result<std::vector<std::filesystem::path>> matching_files(const std::filesystem::path& pattern,
                                                          const ImportFiles& files);

}  // namespace dnscache::cli
