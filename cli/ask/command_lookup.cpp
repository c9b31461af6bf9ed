#include "cli/ask/command_lookup.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sstream>

#include "resolver/base/text_file.hpp"
#include "resolver/config/config.hpp"

namespace dnscache::cli {

namespace {

// Only async-signal-safe calls here and in become(): other threads may hold any lock when we fork.
bool write_file(const char* path, std::string_view text) {
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  ::fchmod(fd, 0644);  // whatever the umask says
  const auto written = ::write(fd, text.data(), text.size());
  ::close(fd);
  return written == static_cast<ssize_t>(text.size());
}

bool enter_namespace(const std::string& uid_map, const std::string& gid_map) {
  if (::unshare(CLONE_NEWNS) != 0) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    (void)write_file("/proc/self/setgroups", "deny");
    (void)write_file("/proc/self/uid_map", uid_map);
    (void)write_file("/proc/self/gid_map", gid_map);
  }
  return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

Result<std::string> resolv_conf_for(const std::vector<Endpoint>& servers, Patience patience) {
  std::string text;
  for (const auto& server : servers) {
    if (server.port != dns_port) {
      return Error{fmt::format("--exec: {} is not on port {}, and resolv.conf can name no other",
                               server.to_text(), dns_port)};
    }
    text += fmt::format("nameserver {}\n", server.address.to_text());
  }
  return text + fmt::format("options timeout:{} attempts:{}\n", patience.timeout_seconds,
                            patience.attempts);
}

std::string with_hosts_line(const std::string& nsswitch) {
  std::istringstream lines(nsswitch);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("hosts:")) out += line + '\n';
  }
  return out + "hosts: files dns\n";
}

}  // namespace

CommandLookup::CommandLookup(std::string command, std::vector<Overlay> overlays)
    : command_(std::move(command)),
      overlays_(std::move(overlays)),
      uid_map_(fmt::format("{0} {0} 1\n", ::getuid())),
      gid_map_(fmt::format("{0} {0} 1\n", ::getgid())),
      errors_(::memfd_create("stderr", MFD_CLOEXEC)) {}

Result<std::shared_ptr<CommandLookup>> CommandLookup::with_servers(
    const std::string& command, const std::vector<Endpoint>& servers, Patience patience) {
  const auto resolv_conf = resolv_conf_for(servers, patience);
  if (!resolv_conf) return resolv_conf.error();
  std::error_code error;
  const auto target = std::filesystem::canonical("/etc/resolv.conf", error);
  if (error) return system_error("/etc/resolv.conf", error.value());
  std::vector<Overlay> overlays = {{target, *resolv_conf}};
  if (const auto nsswitch = read_text_file("/etc/nsswitch.conf"); nsswitch && !nsswitch->empty()) {
    overlays.push_back({"/etc/nsswitch.conf", with_hosts_line(*nsswitch)});
  }
  const std::shared_ptr<CommandLookup> lookup(new CommandLookup(command, std::move(overlays)));
  if (lookup->run(":")) return lookup;
  return Error{"--exec needs a mount namespace, which this user may not make; run it as root",
               ExitCode::no_rights};
}

bool CommandLookup::takes(const std::string& name) {
  return !name.starts_with('-') && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
}

Lookup CommandLookup::ask(const std::string& name) {
  std::string text = command_;
  for (std::size_t at = 0; (at = text.find("{}", at)) != text.npos; at += name.size()) {
    text.replace(at, 2, name);
  }
  const auto start = std::chrono::steady_clock::now();
  const bool is_done = run(text);
  const auto duration = std::chrono::steady_clock::now() - start;
  if (is_done) return {Outcome::answered, duration};
  return {Outcome::failed, duration, last_error()};
}

std::string CommandLookup::last_error() const {
  std::ifstream file(fmt::format("/proc/self/fd/{}", errors_.get()));
  std::string last;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) last = line;
  }
  return last;
}

void CommandLookup::abandon() const {
  if (const pid_t pid = running_; pid > 0) ::kill(-pid, SIGTERM);
}

// True if it exited with 0.
bool CommandLookup::run(const std::string& text) {
  (void)!::ftruncate(errors_.get(), 0);
  (void)::lseek(errors_.get(), 0, SEEK_SET);
  const pid_t pid = ::fork();
  if (pid == 0) become(text.c_str());
  running_ = pid;
  int status = 0;
  while (pid > 0 && ::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  running_ = -1;
  return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void CommandLookup::become(const char* text) const {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  ::setpgid(0, 0);
  if (!enter_namespace(uid_map_, gid_map_) || !lay_over()) ::_exit(125);
  const int null_fd = ::open("/dev/null", O_RDWR);
  ::dup2(null_fd, STDIN_FILENO);
  ::dup2(null_fd, STDOUT_FILENO);
  ::dup2(errors_.get(), STDERR_FILENO);
  ::execl("/bin/sh", "sh", "-c", text, nullptr);
  ::_exit(127);
}

// By way of files in a tmpfs that hides /tmp for a moment.
bool CommandLookup::lay_over() const {
  constexpr const char* source = "/tmp/overlay";
  if (::mount("tmpfs", "/tmp", "tmpfs", 0, nullptr) != 0) return false;
  for (const auto& [target, text] : overlays_) {
    if (!write_file(source, text) ||
        ::mount(source, target.c_str(), nullptr, MS_BIND, nullptr) != 0 || ::unlink(source) != 0) {
      return false;
    }
  }
  return ::umount2("/tmp", MNT_DETACH) == 0;
}

}  // namespace dnscache::cli
