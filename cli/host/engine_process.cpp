#include "cli/host/engine_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <fmt/format.h>
#include <fstream>
#include <sstream>
#include <thread>

#include "cli/ask/control_client.hpp"
#include "cli/host/journal.hpp"
#include "cli/host/system_user.hpp"
#include "resolver/base/file_descriptor.hpp"
#include "resolver/config/read.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr auto patience = std::chrono::seconds(10);
constexpr auto poll_interval = std::chrono::milliseconds(20);

std::vector<std::string> command_line_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  return words;
}

bool is_in_our_namespaces(pid_t pid) {
  for (const auto* name : {"mnt", "net", "pid"}) {
    std::error_code error;
    const auto theirs = fs::read_symlink(fmt::format("/proc/{}/ns/{}", pid, name), error);
    if (error || theirs != fs::read_symlink(fmt::format("/proc/self/ns/{}", name), error)) {
      return false;
    }
  }
  return true;
}

bool is_zombie(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text;
  std::getline(file, text);
  const auto end = text.rfind(") ");
  return end != text.npos && text.size() > end + 2 && text[end + 2] == 'Z';
}

bool is_alive(pid_t pid) {
  (void)::waitpid(pid, nullptr, WNOHANG);  // it may be our own child
  return ::kill(pid, 0) == 0 && !is_zombie(pid);
}

std::string last_line(const fs::path& path) {
  std::ifstream file(path);
  std::string last;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) last = line;
  }
  return last;
}

// Only async-signal-safe calls from here to execve(2): other threads may hold any lock.
[[noreturn]] void become_engine(char* const* arguments, char* const* environment, int null_fd,
                                int log_fd, bool ends_with_us) {
  if (ends_with_us) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::setsid();
  (void)!::chdir("/");
  ::umask(022);
  ::dup2(null_fd, STDIN_FILENO);
  ::dup2(log_fd, STDOUT_FILENO);
  ::dup2(log_fd, STDERR_FILENO);
  ::close_range(STDERR_FILENO + 1, ~0u, 0);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  ::signal(SIGHUP, SIG_DFL);
  ::signal(SIGPIPE, SIG_DFL);
  ::execve(arguments[0], arguments, environment);
  ::_exit(127);
}

// Without what a service manager may have given to us and not to the engine.
std::vector<char*> engine_environment() {
  std::vector<char*> out;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (!text.starts_with("NOTIFY_SOCKET=") && !text.starts_with("LISTEN_") &&
        !text.starts_with("WATCHDOG_")) {
      out.push_back(*variable);
    }
  }
  out.push_back(nullptr);
  return out;
}

Result<pid_t> spawn(const EngineFiles& files) {
  std::error_code error;
  auto program = fs::read_symlink("/proc/self/exe", error).string();
  if (error) return system_error("cannot find this program", error.value());
  const FileDescriptor null_fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const FileDescriptor log_fd(
      ::open(files.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0640));
  if (!null_fd) return system_error("cannot open /dev/null", errno);
  if (!log_fd) return system_error("cannot write " + files.log.string(), errno);
  std::string verb = "serve";
  std::string flag = "--config";
  std::string config = files.config.string();
  std::string user_flag = "--user";
  // Nothing that the engine does after its start needs root. A container may have no user at all.
  std::string user = has_system_user("") ? system_user : "65534";
  std::array<char*, 7> arguments = {program.data(), verb.data(), flag.data(), config.data(),
                                    nullptr,        nullptr,     nullptr};
  if (::geteuid() == 0) {
    arguments[4] = user_flag.data();
    arguments[5] = user.data();
  }
  const auto environment = engine_environment();
  const pid_t pid = ::fork();
  if (pid < 0) return system_error("cannot start a process", errno);
  if (pid == 0) {
    become_engine(arguments.data(), environment.data(), null_fd.get(), log_fd.get(),
                  files.ends_with_us);
  }
  return pid;
}

Error engine_failed(const EngineFiles& files, std::string_view how) {
  const auto line = last_line(files.log);
  return {fmt::format("the cache {}{} (log: {})", how, line.empty() ? "" : ": " + line,
                      files.log.string())};
}

}  // namespace

EngineFiles engine_files(const fs::path& root) {
  EngineFiles files;
  files.config = below(root, default_config_path);
  const auto reading = read_config_file(files.config);
  files.control = reading ? reading.config.control : below(root, Config{}.control);
  files.log = below(root, log_path);
  return files;
}

Result<pid_t> start_engine(const EngineFiles& files, const std::function<bool()>& is_interrupted) {
  const auto pid = spawn(files);
  if (!pid) return pid;
  for (const auto deadline = Clock::now() + patience; Clock::now() < deadline;) {
    if (const auto status = engine_status(files.control); status && status->pid == *pid) return pid;
    if (!is_alive(*pid)) return engine_failed(files, "did not start");
    if (is_interrupted()) return Error{"interrupted"};
    std::this_thread::sleep_for(poll_interval);
  }
  return engine_failed(files, "started, but does not answer on its control socket");
}

std::vector<pid_t> find_engines(const fs::path& config) {
  std::vector<pid_t> found;
  std::error_code error;
  for (const auto& process : fs::directory_iterator("/proc", error)) {
    const auto name = process.path().filename().string();
    pid_t pid = 0;
    const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (problem != std::errc{} || end != name.data() + name.size() || pid == ::getpid()) continue;
    const auto words = command_line_of(pid);
    const bool is_engine = words.size() >= 4 && words[1] == "serve" && words[2] == "--config" &&
                           words[3] == config.string();
    if (is_engine && is_in_our_namespaces(pid) && is_alive(pid)) found.push_back(pid);
  }
  return found;
}

Result<void> stop_engines(const fs::path& config) {
  int signal = SIGTERM;
  for (const auto deadline = Clock::now() + patience;;) {
    const auto engines = find_engines(config);
    if (engines.empty()) return {};
    const bool is_late = Clock::now() >= deadline;
    if (is_late && Clock::now() >= deadline + patience) {
      return Error{fmt::format("the cache (process {}) cannot be ended", engines.front())};
    }
    if (is_late) signal = SIGKILL;
    for (const auto pid : engines) {
      if (signal != 0) ::kill(pid, signal);
    }
    signal = 0;  // once is enough; a second SIGTERM could cut its orderly end short
    std::this_thread::sleep_for(poll_interval);
  }
}

}  // namespace dnscache::cli
