#include "cli/host/facts.hpp"

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "cli/ask/direct_query.hpp"
#include "cli/host/image.hpp"
#include "cli/host/journal.hpp"
#include "cli/host/systemd/plan.hpp"
#include "resolver/base/file_descriptor.hpp"
#include "resolver/config/read.hpp"
#include "resolver/config/resolv_conf.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds probe_patience{2};

// /proc files have no size, so they are read to their end.
std::string slurp(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string unescaped_mount(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out +=
          static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + text[i + 3] - '0');
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

Result<ResolvConfFacts> read_resolv_conf_facts(const fs::path& root) {
  const auto path = below(root, resolv_conf_path);
  auto state = FileState::read(path);
  if (!state) return state.error();
  ResolvConfFacts facts;
  facts.state = std::move(*state);
  facts.content = slurp(path);
  std::error_code ignored;
  facts.is_mount = facts.state.kind == FileState::Kind::regular &&
                   is_mount_point(slurp("/proc/self/mountinfo"), fs::absolute(path, ignored));
  facts.is_immutable = facts.state.kind == FileState::Kind::regular && is_immutable(path);
  return facts;
}

// The kernel prints addresses as 32-bit words in host byte order.
std::optional<IpAddress> parse_hex_address(std::string_view text) {
  if (text.size() != 8 && text.size() != 32) return {};
  IpAddress address;
  address.is_v6 = text.size() == 32;
  for (std::size_t word = 0; word < text.size() / 8; ++word) {
    std::uint32_t value = 0;
    const auto* begin = text.data() + word * 8;
    if (std::from_chars(begin, begin + 8, value, 16).ptr != begin + 8) return {};
    std::memcpy(address.bytes.data() + word * 4, &value, 4);
  }
  return address;
}

std::map<std::uint64_t, int> socket_owners() {
  std::map<std::uint64_t, int> owners;
  std::error_code error;
  for (const auto& process : fs::directory_iterator("/proc", error)) {
    const auto name = process.path().filename().string();
    int pid = 0;
    const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (problem != std::errc{} || end != name.data() + name.size()) continue;
    std::error_code unreadable;
    for (const auto& fd : fs::directory_iterator(process.path() / "fd", unreadable)) {
      std::error_code gone;
      const auto target = fs::read_symlink(fd.path(), gone).string();
      if (!target.starts_with("socket:[")) continue;
      std::uint64_t inode = 0;
      std::from_chars(target.data() + 8, target.data() + target.size(), inode);
      owners.emplace(inode, pid);
    }
  }
  return owners;
}

// The last part of "0::/system.slice/dnsmasq.service", cgroups(7).
std::string service_of(const std::string& cgroups) {
  const auto end = cgroups.rfind(".service\n");
  if (end == cgroups.npos) return {};
  const auto begin = cgroups.rfind('/', end) + 1;
  return cgroups.substr(begin, end + std::string_view(".service").size() - begin);
}

std::vector<PortHolder> read_port_holders() {
  std::vector<PortHolder> holders;
  std::map<std::uint64_t, int> owners;
  for (const auto* table : {"udp", "udp6", "tcp", "tcp6"}) {
    const bool is_tcp = table[0] == 't';
    for (const auto& socket :
         parse_proc_net(slurp(fs::path("/proc/net") / table), is_tcp, dns_port)) {
      if (owners.empty()) owners = socket_owners();
      PortHolder holder{socket.endpoint, is_tcp ? "tcp" : "udp", "", 0, ""};
      if (const auto owner = owners.find(socket.inode); owner != owners.end()) {
        holder.pid = owner->second;
        holder.process = slurp(fmt::format("/proc/{}/comm", holder.pid));
        while (!holder.process.empty() && holder.process.back() == '\n') holder.process.pop_back();
        holder.unit = service_of(slurp(fmt::format("/proc/{}/cgroup", holder.pid)));
      }
      holders.push_back(std::move(holder));
    }
  }
  return holders;
}

bool can_bind_ipv6_loopback() {
  const FileDescriptor fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  return fd && ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

std::string detect_container(const fs::path& root) {
  if (fs::exists(below(root, "/.dockerenv"))) return "docker";
  if (fs::exists(below(root, "/run/.containerenv"))) return "podman";
  auto manager = slurp(below(root, "/run/host/container-manager"));
  while (!manager.empty() && manager.back() == '\n') manager.pop_back();
  return manager;
}

void read_config_facts(Facts& facts, const fs::path& root) {
  const auto path = below(root, default_config_path);
  const auto reading = read_config_file(path);
  if (reading) {
    // The package's own file has only comments; setup may write a real one over it.
    if (reading.config != Config{}) facts.config = reading.config;
  } else {
    facts.config_problem = reading.problems.front().to_text();
  }
}

std::vector<Endpoint> own_addresses(const Facts& facts, const FactsRequest& request) {
  if (!request.listen.empty()) return request.listen;
  return facts.config ? facts.config->listen : default_listen();
}

ServerSource source_for(const Facts& facts, const FactsRequest& request) {
  auto config = facts.config.value_or(Config{});
  config.listen = own_addresses(facts, request);
  auto source = source_of(config);
  source.root = request.root;
  return source;
}

// The configuration's servers, or those that are asked without the cache.
std::vector<UpstreamConfig> choose_upstreams(const Facts& facts, const FactsRequest& request) {
  if (!request.upstreams.empty()) return request.upstreams;
  if (facts.config && !facts.config->upstreams.empty()) return facts.config->upstreams;
  return facts.machine.servers.upstreams;
}

std::vector<UpstreamFact> find_upstreams(const Facts& facts, const FactsRequest& request) {
  const auto named = parse_resolv_conf(facts.resolv_conf.content).nameservers;
  std::vector<UpstreamFact> found;
  for (const auto& upstream : choose_upstreams(facts, request)) {
    const bool is_named = std::ranges::find(named, upstream.endpoint) != named.end();
    found.push_back({upstream, is_named});
  }
  return found;
}

fs::path running_program() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error);
}

// A resolver may refuse the root, or know nothing but its own zones, so several are tried.
std::vector<ProbeQuestion> probe_questions(const std::string& resolv_conf) {
  std::vector<ProbeQuestion> questions = {{"example.com", ns_t_a}, {".", ns_t_ns}};
  for (const auto& domain : parse_resolv_conf(resolv_conf).search) {
    questions.push_back({domain, ns_t_soa});
  }
  return questions;
}

void probe_upstreams(Facts& facts, const ProbeQuestion& question) {
  std::vector<std::thread> threads;
  for (auto& fact : facts.upstreams) {
    if (fact.upstream.protocol == Protocol::tls) {
      fact.answers = true;  // only the engine can ask it; the engine's own test follows
      continue;
    }
    threads.emplace_back([&fact, &question] {
      const auto reply =
          query_directly(fact.upstream.endpoint, question.name, question.type, probe_patience);
      fact.answers = reply.is_answer();
      fact.failure = fact.answers ? "" : reply.in_words();
    });
  }
  for (auto& thread : threads) thread.join();
}

void find_probe(Facts& facts) {
  for (const auto& question : probe_questions(facts.resolv_conf.content)) {
    probe_upstreams(facts, question);
    facts.probe = question;
    if (std::ranges::any_of(facts.upstreams, &UpstreamFact::answers)) return;
  }
}

}  // namespace

std::vector<BoundSocket> parse_proc_net(std::string_view text, bool is_tcp, std::uint16_t port) {
  constexpr std::string_view tcp_listen = "0A";
  std::vector<BoundSocket> sockets;
  std::istringstream lines{std::string(text)};
  std::string line;
  std::getline(lines, line);  // the heading
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    std::string slot, local, remote, state, skipped;
    std::uint64_t inode = 0;
    fields >> slot >> local >> remote >> state >> skipped >> skipped >> skipped >> skipped >>
        skipped >> inode;
    const auto colon = local.find(':');
    if (!fields || colon == local.npos || (is_tcp && state != tcp_listen)) continue;
    const auto address = parse_hex_address(std::string_view(local).substr(0, colon));
    std::uint16_t bound_port = 0;
    std::from_chars(local.data() + colon + 1, local.data() + local.size(), bound_port, 16);
    if (address && bound_port == port) sockets.push_back({{*address, bound_port}, inode});
  }
  return sockets;
}

bool is_mount_point(std::string_view mountinfo, const fs::path& path) {
  std::istringstream lines{std::string(mountinfo)};
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    std::string id, parent, device, root, mount_point;
    fields >> id >> parent >> device >> root >> mount_point;
    if (fields && unescaped_mount(mount_point) == path.string()) return true;
  }
  return false;
}

Result<void> read_own_files(Facts& facts, const fs::path& root) {
  auto config_file = FileState::read(below(root, default_config_path));
  if (!config_file) return config_file.error();
  facts.config_file = std::move(*config_file);
  if (facts.config_file.kind != FileState::Kind::absent) read_config_facts(facts, root);
  facts.has_config_directory =
      fs::is_directory(below(root, fs::path(default_config_path).parent_path()));
  return {};
}

Result<void> read_system_files(Facts& facts, const fs::path& root) {
  for (const auto& path : system_files()) {
    auto state = FileState::read(below(root, path));
    if (!state) return state.error();
    facts.files[path] = std::move(*state);
    if (fs::is_directory(below(root, path.parent_path()))) {
      facts.directories.insert(path.parent_path());
    }
  }
  return {};
}

Result<Facts> read_facts(const FactsRequest& request) {
  if (request.is_image) return read_image_facts(request);
  Facts facts;
  auto resolv_conf = read_resolv_conf_facts(request.root);
  if (!resolv_conf) return resolv_conf.error();
  facts.resolv_conf = std::move(*resolv_conf);
  if (const auto read = read_own_files(facts, request.root); !read) return read.error();

  const auto control = facts.config ? facts.config->control : below(request.root, Config{}.control);
  if (const auto engine = engine_status(control)) {
    facts.engine = *engine;
  } else if (engine.error().code == ExitCode::failure) {
    facts.engine_problem = engine.error().message;
  }
  facts.port_holders = read_port_holders();
  facts.has_ipv6_loopback = can_bind_ipv6_loopback();
  facts.system = read_system_facts(request.root);
  if (facts.system.has_systemd) {
    if (const auto read = read_system_files(facts, request.root); !read) return read.error();
    facts.program = running_program();
  }
  if (request.root.empty()) facts.containers = read_container_facts();
  facts.container = detect_container(request.root);
  facts.machine = read_servers(source_for(facts, request));
  facts.upstreams = find_upstreams(facts, request);
  find_probe(facts);
  return facts;
}

}  // namespace dnscache::cli
