// Child processes for tests: any program, and the engine as `dnscachectl serve`.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/client.hpp"

namespace dnscache::test {

/// A directory under the system's temporary one that is removed with everything in it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Writes a file below it and returns its path.
  std::filesystem::path write(const std::string& name, const std::string& text) const;

 private:
  std::filesystem::path path_;
};

std::string read_text(const std::filesystem::path& file);

/// A child process whose output is collected; killed, with its children, when the object goes.
class Process {
 public:
  /// Runs `command` (its first word is searched in PATH, /usr/sbin and /sbin too) with
  /// `environment` added to ours and `passed_fds` as its descriptors 3, 4 … Throws
  /// std::system_error when there is no such program.
  explicit Process(std::vector<std::string> command,
                   const std::map<std::string, std::string>& environment = {},
                   const std::vector<int>& passed_fds = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  bool is_running();
  /// The exit status, 128 + signal as in a shell; nothing when it still runs after `timeout`.
  std::optional<int> wait(milliseconds timeout = patience);
  std::string output() const { return read_text(output_.path() / "stdout"); }
  std::string errors() const { return read_text(output_.path() / "stderr"); }

 private:
  TempDir output_;
  pid_t pid_ = -1;
  std::optional<int> status_;
};

/// A port that is free for UDP and TCP on 127.0.0.1 and ::1, outside of the ephemeral range.
std::uint16_t free_port();

/// Where the program is, or empty.
std::filesystem::path find_program(const std::string& name);

/// A running `dnscachectl serve` with a configuration of its own. It listens on 127.0.0.1 and ::1.
class Engine {
 public:
  struct Options {
    std::string program;  ///< path of dnscachectl
    std::string config;   ///< YAML without `listen` and `control`, which are added
    bool ipv6 = true;
    std::uint16_t port = 0;  ///< 0: a free one
    std::map<std::string, std::string> environment{};
    bool wait = true;  ///< until it answers; throws std::runtime_error when it ends instead
  };
  explicit Engine(const Options& options);

  Address address() const { return {"127.0.0.1", port_}; }
  Address address6() const { return {"::1", port_}; }
  std::filesystem::path control_path() const { return directory_.path() / "control.sock"; }
  std::filesystem::path config_path() const { return directory_.path() / "config.yaml"; }
  Process& process() { return *process_; }

  /// Replaces the configuration on disk, `listen` and `control` added again; SIGHUP makes it count.
  void write_config(const std::string& config) const;
  /// Sends one line to the control socket and returns the reply's line; empty when there is none.
  std::string control(const std::string& line) const;

  std::optional<Message> ask(const std::string& name, std::uint16_t type = type_a) const {
    return test::ask(address(), name, type);
  }

 private:
  bool answers() const;

  bool ipv6_;
  TempDir directory_;
  std::uint16_t port_;
  std::optional<Process> process_;
};

/// Waits until `condition` holds, at most `timeout`.
template <class Condition>
bool eventually(Condition condition, milliseconds timeout = patience) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    timespec pause{0, 5'000'000};
    nanosleep(&pause, nullptr);
  }
  return true;
}

}  // namespace dnscache::test
