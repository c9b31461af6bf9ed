#include "resolver/base/text_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "resolver/base/file_descriptor.hpp"

namespace dnscache {
namespace {

Error too_large(const std::string& name, std::size_t max_size) {
  return {name + ": is larger than " + std::to_string(max_size >> 20) +
          "MiB, so it is not the file that is meant here"};
}

Result<std::string> read_all(int descriptor, const std::string& name, std::size_t max_size) {
  std::string text;
  for (;;) {
    char part[16384];
    const ssize_t count = ::read(descriptor, part, sizeof part);
    if (count == 0) return text;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error(name + ": cannot be read", errno);
    text.append(part, static_cast<std::size_t>(count));
    if (text.size() > max_size) return too_large(name, max_size);
  }
}

}  // namespace

Result<std::string> read_text_file(const std::filesystem::path& path, std::size_t max_size) {
  const std::string name = path.string();
  // A named pipe without a writer must not hold us up.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return system_error(name + ": cannot be opened", errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) {
    return system_error(name + ": cannot be examined", errno);
  }
  if (S_ISDIR(status.st_mode)) return Error{name + ": is a directory, not a file"};
  if (S_ISFIFO(status.st_mode)) {
    ::fcntl(file.get(), F_SETFL, 0);  // with a writer at the other end: wait for it
  } else if (!S_ISREG(status.st_mode)) {
    return Error{name + ": is a device or socket, not a file"};
  }
  if (status.st_size > static_cast<off_t>(max_size)) return too_large(name, max_size);
  return read_all(file.get(), name, max_size);
}

}  // namespace dnscache
