#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "resolver/config/text_file.hpp"
#include "resolver/policy/hosts.hpp"
#include "resolver/policy/policy.hpp"

namespace dnscache {
namespace {

constexpr std::size_t max_file_size = 512u << 20;  // bytes
constexpr std::size_t max_warned_lines = 3;        // of one file

// Hidden files and editors' leftovers in a folder are not meant.
bool is_meant(const std::filesystem::path& file) {
  const std::string name = file.filename().string();
  return !name.empty() && name.front() != '.' && name.front() != '#' && name.back() != '~';
}

/// Reads files into a policy and collects what is wrong with them.
class Loader {
 public:
  explicit Loader(const Config& config)
      : config_(config), policy_(std::make_shared<Policy>(config)) {}

  LoadedPolicy load() {
    for (const auto& path : config_.local.hosts_files) read_hosts_path(path);
    for (const auto& path : config_.local.block.files) read_block_file(path);
    add_own_addresses();
    policy_->finish();
    return {std::move(policy_), std::move(warnings_)};
  }

 private:
  void read_hosts_path(const std::filesystem::path& path) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) return read_hosts_file(path);
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
      std::error_code unknown;
      if (entry.is_regular_file(unknown) && is_meant(entry.path())) files.push_back(entry.path());
    }
    if (error) warn(path.string() + ": can't be read: " + error.message());
    std::ranges::sort(files);
    for (const auto& file : files) read_hosts_file(file);
  }

  void read_hosts_file(const std::filesystem::path& path) {
    read(path, [&](std::string_view text) {
      return read_hosts(text, [&](const IpAddress& address, const Name& name, bool is_first) {
        policy_->add_host(address, name, is_first);
      });
    });
  }

  void read_block_file(const std::filesystem::path& path) {
    read(path, [&](std::string_view text) {
      return read_block_list(text, [&](const Name& name, bool with_subdomains) {
        policy_->add_blocked(name, with_subdomains);
      });
    });
  }

  template <class Parse>
  void read(const std::filesystem::path& path, const Parse& parse) {
    const auto text = read_text_file(path, max_file_size);
    if (!text) return warn(text.error().message + "; its names are missing until it is there");
    const LineProblems problems = parse(*text);
    for (std::size_t i = 0; i < std::min(problems.first.size(), max_warned_lines); ++i) {
      const LineProblem& problem = problems.first[i];
      warn(path.string() + ':' + std::to_string(problem.line) + ": " + problem.message +
           "; the line is left out");
    }
    if (problems.count > max_warned_lines) {
      warn(path.string() + ": " + std::to_string(problems.count - max_warned_lines) +
           " more lines are left out");
    }
  }

  void add_own_addresses() {
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return;
    for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
      if (entry->ifa_addr == nullptr) continue;
      const int family = entry->ifa_addr->sa_family;
      if (family != AF_INET && family != AF_INET6) continue;
      sockaddr_storage storage{};
      std::memcpy(&storage, entry->ifa_addr,
                  family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
      if (const auto endpoint = Endpoint::from_sockaddr(storage)) {
        policy_->add_own_address(endpoint->address);
      }
    }
    ::freeifaddrs(list);
  }

  void warn(std::string text) { warnings_.push_back(std::move(text)); }

  const Config& config_;
  std::shared_ptr<Policy> policy_;
  std::vector<std::string> warnings_;
};

}  // namespace

LoadedPolicy load_policy(const Config& config) { return Loader(config).load(); }

std::vector<std::filesystem::path> policy_files(const Config& config) {
  std::vector<std::filesystem::path> files = config.local.hosts_files;
  files.insert(files.end(), config.local.block.files.begin(), config.local.block.files.end());
  return files;
}

}  // namespace dnscache
