#include "cli/commands/run.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <optional>
#include <sstream>

#include "cli/ask/stub_resolver.hpp"
#include "cli/command.hpp"
#include "cli/follow/read.hpp"
#include "cli/settings/endpoints.hpp"
#include "cli/settings/environment.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/file_descriptor.hpp"
#include "resolver/config/read.hpp"
#include "resolver/config/resolv_conf.hpp"
#include "resolver/config/values.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* resolv_conf_file = "/etc/resolv.conf";
constexpr std::string_view mark =
    "# Lookups go through the cache that 'dnscachectl run' started; the original follows.\n";
constexpr auto start_patience = std::chrono::seconds(5);
constexpr auto stop_patience = std::chrono::seconds(3);
constexpr auto poll_interval = std::chrono::milliseconds(20);
constexpr int cannot_execute = 126;
constexpr int not_found = 127;

void say(const std::string& text) { print_message(text); }

/// What `run` was asked to do.
struct RunOptions {
  fs::path config;                     ///< empty: DNSCACHE_CONFIG or the default file
  fs::path control;                    ///< empty: what the configuration says
  std::vector<std::string> listen;     ///< instead of the configuration's addresses
  std::vector<std::string> upstreams;  ///< instead of the configuration's upstreams
  std::vector<std::string> command;    ///< with its arguments; never empty
};

/// What the engine is started with, and where the command's lookups find it.
struct CachePlan {
  IpAddress address;
  std::vector<std::string> arguments;  ///< of this program
};

Result<Config> read_configuration(const RunOptions& options) {
  const auto environment = our_environment();
  const auto wanted = options.config.empty() ? config_in(environment) : options.config;
  auto reading = read_config_file_or_default(wanted.empty() ? std::nullopt : std::optional(wanted));
  if (!reading) return Error{reading.problems.front().to_text(), ExitCode::check_failed};
  if (const auto applied = apply_environment(environment, reading.config); !applied) {
    return applied.error();
  }
  // Nobody asks ::1 here, which many containers don't have.
  if (reading.config.listen == default_listen()) {
    reading.config.listen = {{IpAddress::v4(127, 0, 0, 1), dns_port}};
  }
  if (!options.listen.empty()) {
    const auto listen = parse_endpoints(options.listen, "--listen");
    if (!listen) return listen.error();
    reading.config.listen = *listen;
  }
  if (!options.upstreams.empty()) {
    const auto upstreams = parse_upstreams(options.upstreams, "--upstream");
    if (!upstreams) return upstreams.error();
    reading.config.upstreams = *upstreams;
  }
  return reading.config;
}

Result<IpAddress> address_for_resolv_conf(const Config& config) {
  const auto found = std::ranges::find(config.listen, dns_port, &Endpoint::port);
  if (found == config.listen.end()) {
    return Error{
        "resolv.conf cannot name a port, so the cache must listen on port 53 of some "
        "address"};
  }
  if (!found->address.is_unspecified()) return found->address;
  return found->address.is_v6 ? *IpAddress::parse("::1") : IpAddress::v4(127, 0, 0, 1);
}

Result<void> check_port(const Endpoint& endpoint) {
  sockaddr_storage storage{};
  const auto length = endpoint.to_sockaddr(storage);
  const FileDescriptor fd(::socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (fd && ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length) == 0) return {};
  const int error = errno;
  if (error == EACCES) {
    return Error{fmt::format(
        "this user may not listen on {}: start the container with the sysctl "
        "net.ipv4.ip_unprivileged_port_start=0, or with the capability NET_BIND_SERVICE",
        endpoint.to_text())};
  }
  return system_error("cannot listen on " + endpoint.to_text(), error);
}

bool can_make_socket_in(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  return ::access(directory.c_str(), W_OK | X_OK) == 0;
}

// A read-only root leaves the engine without its usual socket; then without any.
fs::path control_socket(const RunOptions& options, const Config& config) {
  if (!options.control.empty()) return options.control;
  if (config.control.empty() || can_make_socket_in(config.control.parent_path())) {
    return config.control;
  }
  return {};
}

Result<CachePlan> plan_cache(const RunOptions& options) {
  auto config = read_configuration(options);
  if (!config) return config.error();
  const auto address = address_for_resolv_conf(*config);
  if (!address) return address.error();
  for (const auto& endpoint : config->listen) {
    if (const auto usable = check_port(endpoint); !usable) return usable.error();
  }
  // The engine leaves the cache's own address in resolv.conf out, and follows the others.
  if (config->upstreams.empty()) {
    const MachineServers servers = read_servers(source_of(*config)).servers;
    if (servers.upstreams.empty()) return Error{servers.problem};
  }
  CachePlan plan{*address, {"serve"}};
  if (!options.config.empty()) {
    plan.arguments.insert(plan.arguments.end(), {"--config", options.config.string()});
  }
  for (const auto& endpoint : config->listen) {
    plan.arguments.insert(plan.arguments.end(), {"--listen", endpoint.to_text()});
  }
  for (const auto& upstream : config->upstreams) {
    plan.arguments.insert(plan.arguments.end(), {"--upstream", print_upstream(upstream)});
  }
  const auto control = control_socket(options, *config);
  plan.arguments.insert(plan.arguments.end(),
                        {"--control", control.empty() ? "none" : control.string()});
  return plan;
}

bool answers(const IpAddress& cache) {
  auto resolver = StubResolver::with_servers({{cache, dns_port}},
                                             Patience{.timeout_seconds = 1, .attempts = 1});
  // A name that is answered without an upstream (RFC 6761 section 6.3).
  return resolver && resolver->ask("localhost", ns_t_a).is_answer();
}

/// The container's resolv.conf, which is written in place: it is mounted, and cannot be renamed
/// over.
class ResolvConfFile {
 public:
  ~ResolvConfFile() { restore(); }

  Result<void> put_cache_first(const IpAddress& cache) {
    struct stat status {};
    if (::lstat(resolv_conf_file, &status) != 0) {
      return system_error(std::string("cannot read ") + resolv_conf_file, errno);
    }
    if (!S_ISREG(status.st_mode)) {
      return Error{
          fmt::format("{} is a link, which others may share; on a machine of its own use "
                      "'dnscachectl setup'",
                      resolv_conf_file)};
    }
    const auto now = read();
    const auto servers = parse_resolv_conf(now).nameservers;
    const bool is_first = !servers.empty() && servers.front().address == cache;
    original_ = without_cache_first(now);
    if (is_first && original_ == now) return {};  // whoever made the container wrote it so
    written_ = with_cache_first(original_, cache);
    if (const auto done = write(written_); !done) {
      written_.clear();
      return done.error();
    }
    return {};
  }

  // A file that someone changed meanwhile is theirs.
  void restore() {
    if (written_.empty()) return;
    if (read() == written_) {
      if (const auto done = write(original_); !done) say(done.error().message);
    }
    written_.clear();
  }

 private:
  static std::string read() {
    std::ostringstream out;
    out << std::ifstream(resolv_conf_file).rdbuf();
    return out.str();
  }

  // The end is cut last, so that nobody ever reads an empty file.
  static Result<void> write(const std::string& text) {
    const auto failed = [] {
      return system_error(std::string("cannot write ") + resolv_conf_file, errno);
    };
    const FileDescriptor fd(::open(resolv_conf_file, O_WRONLY | O_CLOEXEC));
    if (!fd) return failed();
    if (::pwrite(fd.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
        ::ftruncate(fd.get(), static_cast<off_t>(text.size())) != 0) {
      return failed();
    }
    return {};
  }

  std::string original_;
  std::string written_;  // empty: nothing to restore
};

// All but those that the kernel raises for a fault of our own.
sigset_t signals_to_pass_on() {
  sigset_t set;
  sigfillset(&set);
  for (const int signal :
       {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU}) {
    sigdelset(&set, signal);
  }
  return set;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (auto& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

int exit_status(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/// The process that stands above the engine and the command.
class Wrapper {
 public:
  Wrapper() : signals_(signals_to_pass_on()) {
    ::sigprocmask(SIG_BLOCK, &signals_, &former_mask_);
    // Giving the terminal to the command must not stop us (tcsetpgrp(3)).
    former_ttin_ = ::signal(SIGTTIN, SIG_IGN);
    former_ttou_ = ::signal(SIGTTOU, SIG_IGN);
  }

  Result<int> run(const RunOptions& options) {
    if (const auto cached = start_cache(options); !cached && ended_by_ == 0) {
      say(cached.error().message + "; the command runs with DNS as it was");
      stop_engine();
    }
    if (ended_by_ != 0) {
      stop_engine();
      return 128 + ended_by_;
    }
    auto command = options.command;
    if (const auto started = start_command(command); !started) return started.error();
    while (!command_status_) pass_on_one_signal();
    resolv_conf_.restore();
    stop_engine();
    if (has_terminal_) ::tcsetpgrp(STDIN_FILENO, ::getpgrp());
    return exit_status(*command_status_);
  }

 private:
  Result<void> start_cache(const RunOptions& options) {
    auto plan = plan_cache(options);
    if (!plan) return plan.error();
    if (const auto started = start_engine(plan->arguments); !started) return started.error();
    if (const auto ready = await_engine(plan->address); !ready) return ready.error();
    return resolv_conf_.put_cache_first(plan->address);
  }

  Result<void> start_engine(std::vector<std::string> arguments) {
    std::error_code error;
    arguments.insert(arguments.begin(), fs::read_symlink("/proc/self/exe", error).string());
    if (error) return system_error("cannot find this program", error.value());
    const auto argv = pointers(arguments);
    const pid_t parent = ::getpid();
    engine_ = ::fork();
    if (engine_ < 0) return system_error("cannot start a process", errno);
    if (engine_ == 0) become_engine(argv.data(), parent);
    return {};
  }

  // In a session of its own: the terminal's Ctrl-C is for the command.
  [[noreturn]] void become_engine(char* const* argv, pid_t parent) const {
    ::setsid();
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(0);
    const int null_fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd >= 0) ::dup2(null_fd, STDIN_FILENO);
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
    inherit_signals();
    ::execv(argv[0], argv);
    ::_exit(not_found);
  }

  void inherit_signals() const {
    ::signal(SIGTTIN, former_ttin_);
    ::signal(SIGTTOU, former_ttou_);
    ::sigprocmask(SIG_SETMASK, &former_mask_, nullptr);
  }

  Result<void> await_engine(const IpAddress& address) {
    for (const auto deadline = Clock::now() + start_patience; Clock::now() < deadline;) {
      if (answers(address)) return {};
      const int signal = next_signal(poll_interval);
      if (signal == SIGCHLD) reap();
      if (engine_ <= 0) return Error{"the cache did not start"};
      if (signal == SIGTERM || signal == SIGINT || signal == SIGQUIT || signal == SIGHUP) {
        ended_by_ = signal;
        return Error{"interrupted"};
      }
    }
    return Error{fmt::format("the cache does not answer at {}", address.to_text())};
  }

  Result<void> start_command(std::vector<std::string>& words) {
    const auto argv = pointers(words);
    has_terminal_ = ::tcgetpgrp(STDIN_FILENO) == ::getpgrp();
    command_ = ::fork();
    if (command_ < 0) return system_error("cannot start a process", errno);
    if (command_ == 0) become_command(argv.data());
    return {};
  }

  [[noreturn]] void become_command(char* const* argv) const {
    ::setpgid(0, 0);
    if (has_terminal_) ::tcsetpgrp(STDIN_FILENO, ::getpgrp());
    inherit_signals();
    ::execvp(argv[0], argv);
    const int error = errno;
    say(fmt::format("cannot run {}: {}", argv[0], errno_text(error)));
    ::_exit(error == ENOENT ? not_found : cannot_execute);
  }

  // 0 when none arrives in time.
  int next_signal(std::chrono::milliseconds patience) const {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(patience);
    const timespec wait{seconds.count(), (patience - seconds).count() * 1'000'000};
    const int signal = ::sigtimedwait(&signals_, nullptr, &wait);
    return std::max(signal, 0);
  }

  void pass_on_one_signal() {
    int signal = 0;
    if (::sigwait(&signals_, &signal) != 0) return;
    if (signal == SIGCHLD) return reap();
    ::kill(command_, signal);
  }

  void reap() {
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid == command_) command_status_ = status;
      if (pid == engine_) {
        engine_ = 0;
        if (command_ > 0 && !command_status_) note_lost_engine(status);
      }
    }
  }

  void note_lost_engine(int status) {
    resolv_conf_.restore();
    const auto how = WIFSIGNALED(status)
                         ? fmt::format("was ended by signal {}", WTERMSIG(status))
                         : fmt::format("ended with exit status {}", WEXITSTATUS(status));
    say(fmt::format("the cache {}; {} is as it was, and the command goes on without the cache", how,
                    resolv_conf_file));
  }

  void stop_engine() {
    if (engine_ <= 0) return;
    ::kill(engine_, SIGTERM);
    for (const auto deadline = Clock::now() + stop_patience; engine_ > 0;) {
      if (Clock::now() >= deadline) ::kill(engine_, SIGKILL);
      (void)next_signal(poll_interval);
      reap();
    }
  }

  sigset_t signals_;
  sigset_t former_mask_{};
  sighandler_t former_ttin_ = SIG_DFL;
  sighandler_t former_ttou_ = SIG_DFL;
  ResolvConfFile resolv_conf_;
  pid_t engine_ = 0;   // 0: none
  pid_t command_ = 0;  // 0: none yet
  int ended_by_ = 0;   // the signal that came before the command was started
  std::optional<int> command_status_;
  bool has_terminal_ = false;
};

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

std::string with_cache_first(std::string_view original, const IpAddress& cache) {
  std::string out = fmt::format("{}nameserver {}\n{}", mark, cache.to_text(), original);
  const auto options = parse_resolv_conf(original).options;
  if (std::ranges::find(options, "rotate") == options.end()) return out;
  // It would send every second lookup past the cache.
  out = fmt::format("{}nameserver {}\n", mark, cache.to_text());
  for (const auto& line : lines_of(original)) {
    const auto at = line.starts_with("options") ? line.find("rotate") : line.npos;
    out += at == line.npos ? line + '\n' : line.substr(0, at) + line.substr(at + 6) + '\n';
  }
  return out;
}

std::string without_cache_first(std::string_view text) {
  if (!text.starts_with(mark)) return std::string(text);
  text.remove_prefix(mark.size());
  const auto end = text.find('\n');
  return std::string(end == text.npos ? "" : text.substr(end + 1));
}

namespace {

/// Runs the command and returns its exit status as a shell would: 128 + N when signal N ended it,
/// 127 and 126 when it could not be started. While it runs, the engine answers its lookups, signals
/// are passed on to it, and children that nobody else waits for are reaped, as is the duty of a
/// container's first process. Without a working cache the command runs with DNS as it was.
Result<ExitCode> run_with_cache(const RunOptions& options) {
  if (options.command.empty()) {
    return Error{"name the command to run, as in 'dnscachectl run -- sleep 60'", ExitCode::usage};
  }
  Wrapper wrapper;
  const auto status = wrapper.run(options);
  if (!status) return status.error();
  return static_cast<ExitCode>(*status);
}

Run declare(Arguments& arguments) {
  const auto options = std::make_shared<RunOptions>();
  arguments.add("command", options->command, "COMMAND",
                "The command and its arguments, optionally after '--'");
  arguments.add("-c,--config", options->config, "FILE", "Configuration file");
  arguments.add_list("--listen", options->listen, "ADDRESS",
                     "Listen here, not where the configuration says");
  arguments.add_list("--upstream", options->upstreams, "ADDRESS[:PORT]",
                     "Query these servers, not the configured ones or those in resolv.conf");
  return [options](const Invocation& invocation) {
    options->control = invocation.control;
    options->command = invocation.after;
    return run_with_cache(*options);
  };
}

}  // namespace

extern const Command run_command = {
    "run", "Run a command in a container, with its lookups going through a cache",
    "dnscachectl run -- python3 app.py", declare, true};

}  // namespace dnscache::cli
