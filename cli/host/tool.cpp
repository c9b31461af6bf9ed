#include "cli/host/tool.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fmt/format.h>

#include "resolver/base/file_descriptor.hpp"

extern char** environ;

namespace dnscache::cli {

namespace {

// A file in memory is as long as anything, and nobody waits for a reader.
FileDescriptor memory_file(std::string_view content) {
  FileDescriptor fd(::memfd_create("dnscachectl", MFD_CLOEXEC));
  if (fd && !content.empty()) {
    (void)!::write(fd.get(), content.data(), content.size());
    ::lseek(fd.get(), 0, SEEK_SET);
  }
  return fd;
}

std::string last_line(int fd) {
  std::array<char, 4096> buffer;
  const auto size = ::lseek(fd, 0, SEEK_END);
  const auto from = size > static_cast<off_t>(buffer.size()) ? size - 4096 : 0;
  const auto count = ::pread(fd, buffer.data(), buffer.size(), from);
  std::string text(buffer.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  while (text.ends_with('\n')) text.pop_back();
  const auto begin = text.rfind('\n');
  return begin == text.npos ? text : text.substr(begin + 1);
}

}  // namespace

Result<void> run_tool(const std::vector<std::string>& words, std::string_view input) {
  const auto in = memory_file(input);
  const auto out = memory_file({});
  if (!in || !out) return system_error("cannot make a file in memory", errno);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out.get(), STDERR_FILENO);
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int failed =
      ::posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return system_error("cannot run " + words[0], failed);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return Error{fmt::format("{} failed: {} (status {})", words[0], last_line(out.get()),
                           WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status))};
}

}  // namespace dnscache::cli
