#include "cli/host/containers.hpp"

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "resolver/base/text_file.hpp"
#include "resolver/config/resolv_conf.hpp"
#include "resolver/config/upstreams_from.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* kubelet_default_config = "/var/lib/kubelet/config.yaml";
constexpr const char* docker_config = "/etc/docker/daemon.json";

ServerList read_list(const fs::path& path) {
  ServerList list;
  list.path = path;
  std::error_code ignored;
  list.target = fs::weakly_canonical(path, ignored);
  if (const auto file = read_resolv_conf(path)) list.servers = file->nameservers;
  return list;
}

// /proc files have no size, and their words end with a zero byte.
std::vector<std::string> command_line_of(const fs::path& process) {
  const auto text = read_text_file(process / "cmdline");
  std::vector<std::string> words;
  std::istringstream stream(text ? *text : "");
  for (std::string word; std::getline(stream, word, '\0');) words.push_back(word);
  return words;
}

/// The folders in /proc of the processes with this name.
std::vector<fs::path> find_processes(std::string_view name) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& process : fs::directory_iterator("/proc", error)) {
    const auto comm = read_text_file(process.path() / "comm");
    if (comm && std::string_view(*comm).substr(0, comm->find('\n')) == name) {
      found.push_back(process.path());
    }
  }
  return found;
}

// "--flag=value" or "--flag value", the last one; nothing: it is not there.
std::optional<std::string> value_of(const std::vector<std::string>& words, std::string_view flag) {
  std::optional<std::string> value;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == flag && i + 1 < words.size()) value = words[i + 1];
    if (words[i].starts_with(flag) && words[i].size() > flag.size() && words[i][flag.size()] == '=')
      value = words[i].substr(flag.size() + 1);
  }
  return value;
}

// A key of the uppermost level with a plain value, as kubelet's configuration has it.
std::optional<std::string> yaml_value(std::string_view text, std::string_view key) {
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    auto value = line.substr(key.size(), line.find(" #") - key.size());
    std::erase_if(value, [](char c) { return c == ' ' || c == '"' || c == '\'' || c == '\r'; });
    return value;
  }
  return {};
}

std::optional<Kubelet> read_kubelet() {
  const auto processes = find_processes("kubelet");
  const auto words =
      processes.empty() ? std::vector<std::string>{} : command_line_of(processes.front());
  std::error_code ignored;
  if (words.empty() && !fs::exists(kubelet_default_config, ignored)) return {};
  Kubelet kubelet;
  kubelet.config = value_of(words, "--config").value_or(kubelet_default_config);
  const auto config = read_text_file(kubelet.config);
  const auto path = kubelet_resolv_conf(words, config ? *config : "");
  if (path.empty()) return {};
  kubelet.list = read_list(path);
  return kubelet;
}

std::optional<Docker> read_docker() {
  std::error_code ignored;
  if (!fs::exists("/run/docker.sock", ignored) && !fs::exists("/etc/docker", ignored)) return {};
  Docker docker;
  docker.list = read_list(default_resolv_conf);
  if (sends_docker_to_resolved(docker.list.servers)) docker.list = read_list(systemd_resolv_conf);
  const auto config = read_text_file(docker_config);
  docker.has_own_servers = config && config->find("\"dns\"") != std::string::npos;
  return docker;
}

std::optional<LoopingCoreDns> find_looping_coredns() {
  std::error_code ignored;
  const auto own_network = fs::read_symlink("/proc/self/ns/net", ignored);
  for (const auto& process : find_processes("coredns")) {
    // On the host's network 127.0.0.1 is the host's own server, not CoreDNS.
    const auto network = fs::read_symlink(process / "ns/net", ignored);
    if (network.empty() || network == own_network) continue;
    auto list = read_list(process / "root/etc/resolv.conf");
    if (!has_loopback(list.servers)) continue;
    return LoopingCoreDns{std::atoi(process.filename().c_str()), std::move(list)};
  }
  return {};
}

bool is_loopback(const Endpoint& server) { return server.address.is_loopback(); }

}  // namespace

fs::path kubelet_resolv_conf(const std::vector<std::string>& command_line,
                             std::string_view config) {
  if (const auto flag = value_of(command_line, "--resolv-conf")) return *flag;
  return yaml_value(config, "resolvConf:").value_or(default_resolv_conf);
}

bool sends_docker_to_resolved(const std::vector<Endpoint>& servers) {
  return servers.size() == 1 && servers.front().address == IpAddress::v4(127, 0, 0, 53);
}

bool has_loopback(const std::vector<Endpoint>& servers) {
  return std::ranges::any_of(servers, is_loopback);
}

bool has_only_loopback(const std::vector<Endpoint>& servers) {
  return std::ranges::all_of(servers, is_loopback);
}

ContainerFacts read_container_facts() {
  return {read_kubelet(), read_docker(), find_looping_coredns()};
}

}  // namespace dnscache::cli
