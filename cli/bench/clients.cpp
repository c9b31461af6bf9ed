#include "cli/bench/clients.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <nss.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>

#include "cli/settings/endpoints.hpp"
#include "resolver/base/file_descriptor.hpp"
#include "resolver/config/config.hpp"
#include "resolver/wire/query.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

/// res_nquery(3) with a res_state of its own.
class ResolverClient : public LookupClient {
 public:
  explicit ResolverClient(StubResolver resolver) : resolver_(std::move(resolver)) {}
  Lookup ask(const BenchQuestion& question) override {
    return resolver_.ask(question.name, question.type);
  }

 private:
  StubResolver resolver_;
};

/// One packet to each server in turn, as patient as glibc.
class WireClient : public LookupClient {
 public:
  explicit WireClient(ClientSettings settings) : settings_(std::move(settings)) {}

  Lookup ask(const BenchQuestion& question) override {
    const auto start = Clock::now();
    Lookup lookup;
    for (int attempt = 0; attempt < settings_.patience.attempts; ++attempt) {
      for (const auto& server : settings_.servers) {
        lookup.outcome = ask_server(server, question);
        if (lookup.is_answer()) break;
      }
      if (lookup.is_answer()) break;
    }
    lookup.duration = Clock::now() - start;
    return lookup;
  }

 private:
  std::vector<std::uint8_t> query_for(const BenchQuestion& question) {
    std::vector<std::uint8_t> query(512);
    QueryOptions options;
    options.id = static_cast<std::uint16_t>(random_());
    const auto name = Name::parse(question.name).value_or(Name());  // it was checked before
    query.resize(write_query({name, question.type}, options, query.data()));
    return query;
  }

  static Outcome outcome_of(const std::uint8_t* reply) {
    switch (reply[3] & 15) {
      case 0:
        return (reply[6] | reply[7]) == 0 ? Outcome::no_data : Outcome::answered;
      case 3:
        return Outcome::no_name;
      default:
        return Outcome::failed;
    }
  }

  Outcome ask_server(const Endpoint& server, const BenchQuestion& question) {
    sockaddr_storage address{};
    const auto length = server.to_sockaddr(address);
    const FileDescriptor socket(::socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return Outcome::unreachable;
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) {
      return Outcome::unreachable;
    }
    const auto query = query_for(question);
    if (::send(socket.get(), query.data(), query.size(), 0) < 0) return Outcome::unreachable;
    const auto deadline = Clock::now() + std::chrono::seconds(settings_.patience.timeout_seconds);
    for (auto now = Clock::now(); now < deadline; now = Clock::now()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now);
      pollfd readable{socket.get(), POLLIN, 0};
      if (::poll(&readable, 1, static_cast<int>(left.count())) <= 0) continue;
      std::array<std::uint8_t, 4096> reply;
      const auto size = ::recv(socket.get(), reply.data(), reply.size(), 0);
      if (size < 0) return Outcome::unreachable;  // nothing listens there
      const bool is_ours = size >= 12 && reply[0] == query[0] && reply[1] == query[1];
      if (is_ours && (reply[2] & 0x80) != 0) return outcome_of(reply.data());
    }
    return Outcome::unreachable;
  }

  ClientSettings settings_;
  std::minstd_rand random_{std::random_device{}()};
};

/// getaddrinfo(3) in a process that was started for it.
class GetaddrinfoClient : public LookupClient {
 public:
  GetaddrinfoClient(pid_t pid, FileDescriptor to, FileDescriptor from)
      : pid_(pid), to_(std::move(to)), from_(std::move(from)) {}
  ~GetaddrinfoClient() override {
    to_.reset();
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  GetaddrinfoClient(const GetaddrinfoClient&) = delete;
  GetaddrinfoClient& operator=(const GetaddrinfoClient&) = delete;

  Lookup ask(const BenchQuestion& question) override {
    const int family = question.type == ns_t_a      ? AF_INET
                       : question.type == ns_t_aaaa ? AF_INET6
                                                    : AF_UNSPEC;
    // The dot at the end keeps glibc from trying the search list.
    const auto* dot = question.name.ends_with('.') ? "" : ".";
    const auto line = fmt::format("{} {}{}\n", family, question.name, dot);
    const auto reply = exchange(line);
    std::istringstream words(reply);
    int outcome = 0;
    double milliseconds = 0;
    if (!(words >> outcome >> milliseconds)) return {};  // the process is gone
    return {static_cast<Outcome>(outcome), Milliseconds(milliseconds)};
  }
  void abandon() override { ::kill(pid_, SIGKILL); }

 private:
  std::string exchange(const std::string& line) {
    if (::send(to_.get(), line.data(), line.size(), MSG_NOSIGNAL) < 0) return "";
    std::string reply;
    while (!reply.ends_with('\n')) {
      std::array<char, 128> buffer;
      const auto size = ::read(from_.get(), buffer.data(), buffer.size());
      if (size <= 0) return "";
      reply.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return reply;
  }

  pid_t pid_;
  FileDescriptor to_;
  FileDescriptor from_;
};

Result<std::unique_ptr<LookupClient>> start_getaddrinfo(const ClientSettings& settings) {
  std::error_code error;
  std::vector<std::string> words = {fs::read_symlink("/proc/self/exe", error).string(),
                                    "__getaddrinfo",
                                    std::to_string(settings.patience.timeout_seconds),
                                    std::to_string(settings.patience.attempts)};
  if (error) return system_error("cannot find this program", error.value());
  for (const auto& server : settings.servers) words.push_back(server.to_text());
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
    return system_error("cannot make a socket", errno);
  }
  FileDescriptor ours(pair[0]);
  const FileDescriptor theirs(pair[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return system_error("cannot start a process", errno);
  if (pid == 0) {  // only async-signal-safe calls: other threads may hold any lock
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::signal(SIGINT, SIG_IGN);  // Ctrl-C is ours to handle
    ::dup2(theirs.get(), STDIN_FILENO);
    ::dup2(theirs.get(), STDOUT_FILENO);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  FileDescriptor reading(::fcntl(ours.get(), F_DUPFD_CLOEXEC, 0));
  return std::unique_ptr<LookupClient>(
      std::make_unique<GetaddrinfoClient>(pid, std::move(ours), std::move(reading)));
}

/// A file that goes with its owner.
class TemporaryFile {
 public:
  static Result<TemporaryFile> with(const std::string& text) {
    std::string path = (fs::temp_directory_path() / "dnscachectl-bench-XXXXXX").string();
    const FileDescriptor fd(::mkostemp(path.data(), O_CLOEXEC));
    if (!fd) return system_error("cannot make a file in " + path, errno);
    TemporaryFile file(path);
    if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::fchmod(fd.get(), 0644) != 0) {
      return system_error("cannot write " + path, errno);
    }
    return file;
  }
  TemporaryFile(TemporaryFile&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  TemporaryFile& operator=(TemporaryFile&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  ~TemporaryFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

std::string with_hosts_line(const std::string& nsswitch) {
  std::istringstream lines(nsswitch);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("hosts:")) out += line + '\n';
  }
  return out + "hosts: files dns\n";
}

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What a command finds at a path instead of what is there.
struct Overlay {
  TemporaryFile source;
  std::string target;
};

void write_whole(const char* path, const char* text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  (void)!::write(fd, text, std::strlen(text));
  ::close(fd);
}

/// Any command, in a mount namespace where resolv.conf names the servers; {} is the name.
class CommandClient : public LookupClient {
 public:
  CommandClient(std::string command, std::vector<Overlay> overlays)
      : command_(std::move(command)),
        overlays_(std::move(overlays)),
        uid_map_(fmt::format("{0} {0} 1\n", ::getuid())),
        gid_map_(fmt::format("{0} {0} 1\n", ::getgid())) {}

  Lookup ask(const BenchQuestion& question) override {
    const auto text = command_for(question.name);
    const auto start = Clock::now();
    const pid_t pid = ::fork();
    if (pid == 0) become(text.c_str());
    running_ = pid;
    int status = 0;
    while (pid > 0 && ::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    running_ = -1;
    Lookup lookup;
    lookup.duration = Clock::now() - start;
    const bool is_done = pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    lookup.outcome = is_done ? Outcome::answered : Outcome::failed;
    return lookup;
  }

  void abandon() override {
    if (const pid_t pid = running_; pid > 0) ::kill(-pid, SIGTERM);
    for (const auto& overlay : overlays_) ::unlink(overlay.source.path().c_str());
  }

  /// Whether the namespace can be made; the child says so by its exit status.
  bool is_permitted() {
    const pid_t pid = ::fork();
    if (pid == 0) become(nullptr);
    int status = 0;
    while (pid > 0 && ::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

 private:
  std::string command_for(const std::string& name) const {
    std::string out = command_;
    for (std::size_t at = 0; (at = out.find("{}", at)) != std::string::npos; at += name.size()) {
      out.replace(at, 2, name);
    }
    return out;
  }

  // Only async-signal-safe calls: other threads may hold any lock.
  [[noreturn]] void become(const char* text) const {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::setpgid(0, 0);
    if (::unshare(CLONE_NEWNS) != 0) {
      if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) ::_exit(125);
      write_whole("/proc/self/setgroups", "deny");
      write_whole("/proc/self/uid_map", uid_map_.c_str());
      write_whole("/proc/self/gid_map", gid_map_.c_str());
    }
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(125);
    for (const auto& overlay : overlays_) {
      if (::mount(overlay.source.path().c_str(), overlay.target.c_str(), nullptr, MS_BIND,
                  nullptr) != 0) {
        ::_exit(125);
      }
    }
    if (text == nullptr) ::_exit(0);
    const int null_fd = ::open("/dev/null", O_RDWR);
    ::dup2(null_fd, STDIN_FILENO);
    ::dup2(null_fd, STDOUT_FILENO);
    ::dup2(null_fd, STDERR_FILENO);
    ::execl("/bin/sh", "sh", "-c", text, nullptr);
    ::_exit(127);
  }

  std::string command_;
  std::vector<Overlay> overlays_;
  std::string uid_map_;
  std::string gid_map_;
  std::atomic<pid_t> running_ = -1;
};

Result<std::unique_ptr<LookupClient>> make_command_client(const ClientSettings& settings) {
  std::string resolv_conf;
  for (const auto& server : settings.servers) {
    if (server.port != dns_port) {
      return Error{fmt::format("--exec: {} is not on port {}, and resolv.conf can name no other",
                               server.to_text(), dns_port)};
    }
    resolv_conf += fmt::format("nameserver {}\n", server.address.to_text());
  }
  resolv_conf += fmt::format("options timeout:{} attempts:{}\n", settings.patience.timeout_seconds,
                             settings.patience.attempts);
  std::vector<Overlay> overlays;
  const auto add = [&](const char* path, const std::string& text) -> Result<void> {
    std::error_code error;
    const auto target = fs::canonical(path, error);
    if (error) return system_error(path, error.value());
    auto file = TemporaryFile::with(text);
    if (!file) return file.error();
    overlays.push_back({std::move(*file), target.string()});
    return {};
  };
  if (const auto added = add("/etc/resolv.conf", resolv_conf); !added) return added.error();
  if (const auto text = text_of("/etc/nsswitch.conf"); !text.empty()) {
    const auto added = add("/etc/nsswitch.conf", with_hosts_line(text));
    if (!added) return added.error();
  }
  auto client = std::make_unique<CommandClient>(settings.command, std::move(overlays));
  if (!client->is_permitted()) {
    return Error{"--exec needs a mount namespace, which this user may not make; run it as root",
                 ExitCode::no_rights};
  }
  return std::unique_ptr<LookupClient>(std::move(client));
}

Outcome outcome_of_getaddrinfo(int error) {
  switch (error) {
    case 0:
      return Outcome::answered;
    case EAI_NONAME:
      return Outcome::no_name;
    case -5:  // EAI_NODATA, a GNU extension
      return Outcome::no_data;
    case EAI_AGAIN:
      return Outcome::unreachable;
    default:
      return Outcome::failed;
  }
}

Lookup look_up(int family, const std::string& name) {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* addresses = nullptr;
  const auto start = Clock::now();
  const int error = ::getaddrinfo(name.c_str(), nullptr, &hints, &addresses);
  const Milliseconds duration = Clock::now() - start;
  if (error == 0) ::freeaddrinfo(addresses);
  return {outcome_of_getaddrinfo(error), duration};
}

}  // namespace

Result<std::unique_ptr<LookupClient>> make_client(const ClientSettings& settings) {
  switch (settings.through) {
    case Through::getaddrinfo:
      return start_getaddrinfo(settings);
    case Through::command:
      return make_command_client(settings);
    case Through::wire:
      return std::unique_ptr<LookupClient>(std::make_unique<WireClient>(settings));
    case Through::resolver:
      break;
  }
  auto resolver = StubResolver::with_servers(settings.servers, settings.patience);
  if (!resolver) return resolver.error();
  return std::unique_ptr<LookupClient>(std::make_unique<ResolverClient>(std::move(*resolver)));
}

Result<ExitCode> run_getaddrinfo_helper(const std::vector<std::string>& words) {
  if (words.size() < 3) return Error{"too few words", ExitCode::usage};
  const auto servers = parse_endpoints({words.begin() + 2, words.end()}, "__getaddrinfo");
  if (!servers) return servers.error();
  // getaddrinfo(3) leaves a state alone that the program changed itself (resolver(3)).
  if (::res_init() != 0) return Error{"cannot start glibc's resolver"};
  const Patience patience{std::atoi(words[0].c_str()), std::atoi(words[1].c_str())};
  const auto set = set_servers(_res, *servers, patience);
  if (!set) return set.error();
  _res.options |= RES_NORELOAD;
  ::__nss_configure_lookup("hosts", "dns");
  int family = AF_UNSPEC;
  std::string name;
  while (std::cin >> family >> name) {
    const auto lookup = look_up(family, name);
    std::cout << static_cast<int>(lookup.outcome) << ' ' << lookup.duration.count() << std::endl;
  }
  return ExitCode::done;
}

}  // namespace dnscache::cli
