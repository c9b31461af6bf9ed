// A file as it was, with everything that is needed to put it back exactly.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What lies at a path: nothing, a regular file or a symbolic link, with its metadata.
struct FileState {
  enum class Kind { absent, regular, symlink };

  Kind kind = Kind::absent;
  std::string content;  ///< bytes, or the target of a symbolic link
  mode_t mode = 0644;   ///< permission bits
  uid_t uid = 0;
  gid_t gid = 0;
  timespec modified{};                        ///< zero: whenever it is written
  std::map<std::string, std::string> xattrs;  ///< extended attributes, such as SELinux's label

  /// lstat(2): a symbolic link is not followed. An error for anything but a regular file of at most
  /// 1 MiB and a symbolic link.
  static Result<FileState> read(const std::filesystem::path& path);
  static FileState regular(std::string content, mode_t mode = 0644);

  bool has_same_content(const FileState& other) const {
    return kind == other.kind && content == other.content;
  }
};

nlohmann::json to_json(const FileState& state);
Result<FileState> file_state_from_json(const nlohmann::json& object);

/// Makes `path` what `state` says. A new file takes the old one's place in one rename; where the
/// path is a mount point, or its directory cannot be written, the bytes are replaced in place. What
/// was written is on disk when this returns.
Result<void> write_state(const std::filesystem::path& path, const FileState& state);

/// chattr(1) +i: not even root may change the file or folder.
bool is_immutable(const std::filesystem::path& path);

/// Removes the half-written new file that a kill during write_state() leaves beside `path`.
void remove_half_written(const std::filesystem::path& path);

/// Writes a file below /run that every service can read, whatever the umask is. True: it was not
/// there before.
Result<bool> write_run_time_file(const std::filesystem::path& path, const std::string& text);

}  // namespace dnscache::cli
