#include "cli/host/file_state.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fmt/format.h>

#include "resolver/base/file_descriptor.hpp"
#include "resolver/base/text_file.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;

Error path_error(std::string_view what, const fs::path& path, int error_number) {
  auto error = system_error(fmt::format("cannot {} {}", what, path.string()), error_number);
  for (const auto& held : {path, path.parent_path()}) {
    if (error_number != EPERM || !is_immutable(held)) continue;
    error.message = fmt::format("{} is immutable; allow changes with 'chattr -i {}'", held.string(),
                                held.string());
  }
  if (error_number == EROFS) error.message += "; make the file system writable first";
  return error;
}

Result<std::string> read_bytes(const fs::path& path) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return path_error("read", path, errno);
  std::string bytes;
  std::array<char, 16384> buffer;
  while (true) {
    const auto count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count == 0) return bytes;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return path_error("read", path, errno);
    bytes.append(buffer.data(), static_cast<std::size_t>(count));
    if (bytes.size() > max_text_file_size) {
      return Error{fmt::format("{} is larger than 1 MiB", path.string())};
    }
  }
}

std::map<std::string, std::string> read_xattrs(const fs::path& path) {
  std::map<std::string, std::string> xattrs;
  std::array<char, XATTR_LIST_MAX> names;
  const auto size = ::llistxattr(path.c_str(), names.data(), names.size());
  for (ssize_t at = 0; at < size;) {
    const std::string name = names.data() + at;
    std::array<char, XATTR_SIZE_MAX> value;
    const auto length = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (length >= 0) xattrs[name] = std::string(value.data(), static_cast<std::size_t>(length));
    at += static_cast<ssize_t>(name.size()) + 1;
  }
  return xattrs;
}

// Not every file system takes every attribute back; the content matters more.
void write_xattrs(const fs::path& path, const FileState& state) {
  for (const auto& [name, value] : state.xattrs) {
    (void)::lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0);
  }
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::array<timespec, 2> times_of(const FileState& state) {
  timespec access{};
  access.tv_nsec = UTIME_OMIT;
  timespec modified = state.modified;
  if (modified.tv_sec == 0 && modified.tv_nsec == 0) modified.tv_nsec = UTIME_NOW;
  return {access, modified};
}

// The owner first: chown(2) clears set-id bits, and writing changes the time.
bool write_metadata(int fd, const FileState& state) {
  const auto times = times_of(state);
  return ::fchown(fd, state.uid, state.gid) == 0 && ::fchmod(fd, state.mode) == 0 &&
         ::futimens(fd, times.data()) == 0;
}

void sync_directory(const fs::path& path) {
  const FileDescriptor fd(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) (void)::fsync(fd.get());
}

fs::path temporary_name(const fs::path& path) {
  return path.parent_path() / fmt::format(".{}.dnscachectl", path.filename().string());
}

// Returns 0 or an errno value.
int make_regular(const fs::path& path, const FileState& state) {
  const FileDescriptor fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return errno;
  if (!write_all(fd.get(), state.content)) return errno;
  write_xattrs(path, state);
  if (!write_metadata(fd.get(), state)) return errno;
  return ::fsync(fd.get()) == 0 ? 0 : errno;
}

int make_symlink(const fs::path& path, const FileState& state) {
  if (::symlink(state.content.c_str(), path.c_str()) != 0) return errno;
  const auto times = times_of(state);
  write_xattrs(path, state);
  if (::lchown(path.c_str(), state.uid, state.gid) != 0) return errno;
  (void)::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW);
  return 0;
}

int replace_by_rename(const fs::path& path, const FileState& state) {
  const auto temporary = temporary_name(path);
  remove_half_written(path);
  int error = state.kind == FileState::Kind::symlink ? make_symlink(temporary, state)
                                                     : make_regular(temporary, state);
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) (void)::unlink(temporary.c_str());
  if (error == 0) sync_directory(path);
  return error;
}

int replace_in_place(const fs::path& path, const FileState& state) {
  const FileDescriptor fd(::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return errno;
  if (::ftruncate(fd.get(), 0) != 0 || !write_all(fd.get(), state.content)) return errno;
  write_xattrs(path, state);
  if (!write_metadata(fd.get(), state)) return errno;
  return ::fsync(fd.get()) == 0 ? 0 : errno;
}

// rename(2) over a mount point gives EBUSY; a read-only directory can hold a writable mount.
bool calls_for_in_place(int error, const FileState& state) {
  if (state.kind != FileState::Kind::regular) return false;
  return error == EBUSY || error == EXDEV || error == EROFS;
}

std::string to_hex(std::string_view bytes) {
  std::string out;
  for (const unsigned char byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

std::string from_hex(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    out += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  }
  return out;
}

}  // namespace

FileState FileState::regular(std::string content, mode_t mode) {
  FileState state;
  state.kind = Kind::regular;
  state.content = std::move(content);
  state.mode = mode;
  return state;
}

Result<FileState> FileState::read(const fs::path& path) {
  struct stat status {};
  FileState state;
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return state;
    return path_error("read", path, errno);
  }
  state.mode = status.st_mode & 07777;
  state.uid = status.st_uid;
  state.gid = status.st_gid;
  state.modified = status.st_mtim;
  state.xattrs = read_xattrs(path);
  if (S_ISLNK(status.st_mode)) {
    std::array<char, PATH_MAX> target;
    const auto length = ::readlink(path.c_str(), target.data(), target.size());
    if (length < 0) return path_error("read", path, errno);
    state.kind = Kind::symlink;
    state.content.assign(target.data(), static_cast<std::size_t>(length));
    return state;
  }
  if (!S_ISREG(status.st_mode)) {
    return Error{fmt::format("{} is neither a regular file nor a symbolic link", path.string())};
  }
  auto bytes = read_bytes(path);
  if (!bytes) return bytes.error();
  state.kind = Kind::regular;
  state.content = std::move(*bytes);
  return state;
}

nlohmann::json to_json(const FileState& state) {
  static constexpr const char* kinds[] = {"absent", "regular", "symlink"};
  auto xattrs = nlohmann::json::object();
  for (const auto& [name, value] : state.xattrs) xattrs[name] = to_hex(value);
  // Hexadecimal, because a file need not be UTF-8 and JSON must be.
  return {{"kind", kinds[static_cast<int>(state.kind)]},
          {"content", to_hex(state.content)},
          {"mode", state.mode},
          {"uid", state.uid},
          {"gid", state.gid},
          {"modified", {state.modified.tv_sec, state.modified.tv_nsec}},
          {"xattrs", xattrs}};
}

Result<FileState> file_state_from_json(const nlohmann::json& object) {
  try {
    FileState state;
    const auto kind = object.at("kind").get<std::string>();
    state.kind = kind == "regular"   ? FileState::Kind::regular
                 : kind == "symlink" ? FileState::Kind::symlink
                                     : FileState::Kind::absent;
    state.content = from_hex(object.at("content").get<std::string>());
    state.mode = object.at("mode").get<mode_t>();
    state.uid = object.at("uid").get<uid_t>();
    state.gid = object.at("gid").get<gid_t>();
    state.modified.tv_sec = object.at("modified").at(0).get<time_t>();
    state.modified.tv_nsec = object.at("modified").at(1).get<long>();
    for (const auto& [name, value] : object.at("xattrs").items()) {
      state.xattrs[name] = from_hex(value.get<std::string>());
    }
    return state;
  } catch (const std::exception& error) {
    return Error{fmt::format("the journal is damaged: {}", error.what())};
  }
}

bool is_immutable(const fs::path& path) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  int flags = 0;
  return fd && ::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) == 0 && (flags & FS_IMMUTABLE_FL) != 0;
}

void remove_half_written(const fs::path& path) { (void)::unlink(temporary_name(path).c_str()); }

Result<void> write_state(const fs::path& path, const FileState& state) {
  if (state.kind == FileState::Kind::absent) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return path_error("remove", path, errno);
    sync_directory(path);
    return {};
  }
  int error = replace_by_rename(path, state);
  if (calls_for_in_place(error, state)) error = replace_in_place(path, state);
  if (error != 0) return path_error("write", path, error);
  return {};
}

Result<bool> write_run_time_file(const std::filesystem::path& path, const std::string& text) {
  const auto now = FileState::read(path);
  if (now && now->content == text && (now->mode & 0777) == 0644) return false;
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  ::chmod(path.parent_path().c_str(), 0755);
  if (const auto written = write_state(path, FileState::regular(text)); !written) {
    return written.error();
  }
  ::chmod(path.c_str(), 0644);
  return true;
}

}  // namespace dnscache::cli
