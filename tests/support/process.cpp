#include "tests/support/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace dnscache::test {
namespace {

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& extra) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (extra.count(text.substr(0, text.find('='))) == 0) out.push_back(text);
  }
  for (const auto& [name, value] : extra) out.push_back(name + "=" + value);
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

/// File actions and attributes of posix_spawn, freed once.
struct SpawnSettings {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
};

bool can_bind(const Address& address, int type) {
  sockaddr_storage storage{};
  const auto length = address.to_sockaddr(storage);
  const int fd = socket(storage.ss_family, type | SOCK_CLOEXEC, 0);
  if (fd < 0) return storage.ss_family == AF_INET6;  // no IPv6 here: nobody else has the port
  const bool bound =
      bind(fd, reinterpret_cast<const sockaddr*>(&storage), length) == 0 || errno == EADDRNOTAVAIL;
  close(fd);
  return bound;
}

}  // namespace

TempDir::TempDir() {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "dnscachectl-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "mkdtemp");
  }
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path TempDir::write(const std::string& name, const std::string& text) const {
  const auto file = path_ / name;
  std::ofstream(file) << text;
  return file;
}

std::string read_text(const std::filesystem::path& file) {
  std::ostringstream out;
  out << std::ifstream(file).rdbuf();
  return out.str();
}

std::filesystem::path find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return std::filesystem::exists(name) ? name : "";
  const char* path = std::getenv("PATH");
  std::istringstream folders(std::string(path != nullptr ? path : "/usr/bin:/bin") +
                             ":/usr/sbin:/sbin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const auto candidate = std::filesystem::path(folder) / name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

Process::Process(std::vector<std::string> command,
                 const std::map<std::string, std::string>& environment,
                 const std::vector<int>& passed_fds) {
  const std::string program = find_program(command.at(0)).string();
  if (program.empty()) {
    throw std::system_error(ENOENT, std::generic_category(), command.at(0));
  }
  auto variables = merged_environment(environment);
  SpawnSettings settings;
  const int write_flags = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&settings.actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&settings.actions, 1, (output_.path() / "stdout").c_str(),
                                   write_flags, 0600);
  posix_spawn_file_actions_addopen(&settings.actions, 2, (output_.path() / "stderr").c_str(),
                                   write_flags, 0600);
  for (std::size_t i = 0; i < passed_fds.size(); ++i) {
    posix_spawn_file_actions_adddup2(&settings.actions, passed_fds[i], static_cast<int>(3 + i));
  }
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&settings.attributes, &none);
  posix_spawnattr_setpgroup(&settings.attributes, 0);
  posix_spawnattr_setflags(&settings.attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  const int error = posix_spawn(&pid_, program.c_str(), &settings.actions, &settings.attributes,
                                pointers(command).data(), pointers(variables).data());
  if (error != 0) throw std::system_error(error, std::generic_category(), program);
}

Process::~Process() {
  if (is_running()) {
    kill(-pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

void Process::signal(int number) const {
  if (!status_) kill(pid_, number);
}

bool Process::is_running() { return !wait(milliseconds(0)); }

std::optional<int> Process::wait(milliseconds timeout) {
  if (status_) return status_;
  const auto reap = [this] {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
  };
  eventually(reap, timeout);
  return status_;
}

std::uint16_t free_port() {
  static std::mt19937 random{std::random_device{}()};
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const auto port = static_cast<std::uint16_t>(10000 + random() % 20000);
    const bool is_free =
        can_bind({"127.0.0.1", port}, SOCK_DGRAM) && can_bind({"127.0.0.1", port}, SOCK_STREAM) &&
        can_bind({"::1", port}, SOCK_DGRAM) && can_bind({"::1", port}, SOCK_STREAM);
    if (is_free) return port;
  }
  throw std::runtime_error("no free port on loopback");
}

Engine::Engine(const Options& options)
    : ipv6_(options.ipv6), port_(options.port != 0 ? options.port : free_port()) {
  write_config(options.config);
  process_.emplace(
      std::vector<std::string>{options.program, "serve", "--config", config_path().string()},
      options.environment);
  if (!options.wait) return;
  const bool ready =
      eventually([this] { return answers() || !process_->is_running(); }, milliseconds(30000));
  if (!ready || !process_->is_running()) {
    throw std::runtime_error("the engine does not run: " + process_->errors());
  }
}

void Engine::write_config(const std::string& config) const {
  const auto port = std::to_string(port_);
  std::string listen = "listen:\n  - 127.0.0.1:" + port + "\n";
  if (ipv6_) listen += "  - \"[::1]:" + port + "\"\n";
  directory_.write("config.yaml", listen + "control: " + control_path().string() + "\n" + config);
}

bool Engine::answers() const {
  // A name that is answered without an upstream (RFC 6761 section 6.3).
  return test::ask(address(), Query{"localhost"}, milliseconds(100)).has_value();
}

std::string Engine::control(const std::string& line) const {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = control_path().string();
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  std::string reply;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    const std::string text = line + "\n";
    if (send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size())) {
      pollfd readable{fd, POLLIN, 0};
      std::array<char, 4096> buffer;
      while (reply.find('\n') == std::string::npos &&
             poll(&readable, 1, static_cast<int>(patience.count())) > 0) {
        const auto got = recv(fd, buffer.data(), buffer.size(), 0);
        if (got <= 0) break;
        reply.append(buffer.data(), static_cast<std::size_t>(got));
      }
    }
  }
  close(fd);
  return reply.substr(0, reply.find('\n'));
}

}  // namespace dnscache::test
