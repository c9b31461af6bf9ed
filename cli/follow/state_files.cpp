#include "cli/follow/state_files.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <set>
#include <sstream>

#include "resolver/base/text_file.hpp"
#include "resolver/config/resolv_conf.hpp"
#include "resolver/config/upstreams_from.hpp"

namespace dnscache::cli {
namespace {

namespace fs = std::filesystem;

/// The assignments of a file of systemd. An empty one takes those before it back.
using Settings = std::map<std::string, std::string, std::less<>>;

void read_settings(const fs::path& path, Settings& settings) {
  const auto text = read_text_file(path);
  if (!text) return;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    const auto equals = line.find('=');
    if (equals == line.npos || line.starts_with('#') || line.starts_with(';')) continue;
    std::string& value = settings[line.substr(0, equals)];
    value = equals + 1 == line.size() ? "" : value + ' ' + line.substr(equals + 1);
  }
}

std::vector<std::string> words_of(const Settings& settings, std::string_view key) {
  const auto found = settings.find(key);
  std::istringstream words(found == settings.end() ? "" : found->second);
  return {std::istream_iterator<std::string>(words), {}};
}

// The last one counts.
bool is_yes(const Settings& settings, std::string_view key, bool otherwise) {
  const auto words = words_of(settings, key);
  if (words.empty()) return otherwise;
  return words.back() == "yes" || words.back() == "true" || words.back() == "1" ||
         words.back() == "on";
}

// A drop-in hides those of its name in the folders after its own, systemd.unit(5).
Settings resolved_conf(const fs::path& root) {
  Settings settings;
  std::map<fs::path, fs::path> drop_ins;
  read_settings(root / "etc/systemd/resolved.conf", settings);
  for (const char* folder : {"etc", "run", "usr/local/lib", "usr/lib"}) {
    std::error_code error;
    for (const auto& entry :
         fs::directory_iterator(root / folder / "systemd/resolved.conf.d", error)) {
      if (entry.path().extension() == ".conf") drop_ins.emplace(entry.path().filename(), entry);
    }
  }
  for (const auto& [name, path] : drop_ins) read_settings(path, settings);
  return settings;
}

// "10.0.0.2", "fe80::5%3", "10.0.0.2:54#dns.example".
std::vector<dbus::DnsServer> servers_of(const std::vector<std::string>& words, int index) {
  std::vector<dbus::DnsServer> servers;
  for (const std::string& word : words) {
    const auto hash = std::min(word.find('#'), word.size());
    auto endpoint = Endpoint::parse(word.substr(0, hash), dns_port);
    if (!endpoint) continue;
    IpAddress& address = endpoint->address;
    const bool needs_scope = address.is_v6 && address.is_link_local() && address.scope_id == 0;
    if (needs_scope) address.scope_id = static_cast<std::uint32_t>(index);
    servers.push_back({index, *endpoint, hash == word.size() ? "" : word.substr(hash + 1)});
  }
  return servers;
}

void add_domains(std::vector<dbus::Domain>& domains, const std::vector<std::string>& words,
                 int index, bool route_only) {
  for (const std::string& word : words) {
    const bool is_marked = word.starts_with('~');
    domains.push_back({index, word.substr(is_marked ? 1 : 0), route_only || is_marked});
  }
}

// Where nothing is set, a link whose domains only route is not asked for other names.
bool is_default_by_domains(const std::vector<dbus::Domain>& domains) {
  const auto routes_all = [](const dbus::Domain& domain) { return domain.name == "."; };
  return std::ranges::none_of(domains, &dbus::Domain::route_only) ||
         std::ranges::any_of(domains, routes_all);
}

dbus::LinkDns read_link(int index, const InterfaceState& interface, const fs::path& run,
                        bool requires_tls) {
  Settings settings;
  read_settings(run / "netif/links" / std::to_string(index), settings);
  const auto state = words_of(settings, "ADMIN_STATE");
  const bool is_managed = !state.empty() && state.back() != "unmanaged";
  if (!is_managed) {
    settings.clear();
    read_settings(run / "resolve/netif" / std::to_string(index), settings);
  }
  dbus::LinkDns link;
  link.index = index;
  link.name = interface.name;
  link.servers = servers_of(words_of(settings, is_managed ? "DNS" : "SERVERS"), index);
  link.has_dns_scope = interface.is_usable && !link.servers.empty();
  add_domains(link.domains, words_of(settings, "DOMAINS"), index, false);
  if (is_managed) add_domains(link.domains, words_of(settings, "ROUTE_DOMAINS"), index, true);
  link.is_default_route = is_yes(settings, is_managed ? "DNS_DEFAULT_ROUTE" : "DEFAULT_ROUTE",
                                 is_default_by_domains(link.domains));
  const char* tls = is_managed ? "DNS_OVER_TLS" : "DNSOVERTLS";
  link.requires_tls = is_yes(settings, tls, requires_tls);
  return link;
}

bool is_foreign(const fs::path& root) {
  std::error_code error;
  const fs::path file = fs::weakly_canonical(root / "etc/resolv.conf", error);
  const fs::path run = fs::weakly_canonical(root / "run/systemd/resolve", error);
  return file.parent_path() != run && file != root / "usr/lib/systemd/resolv.conf";
}

}  // namespace

std::map<int, InterfaceState> interfaces() {
  std::map<int, InterfaceState> result;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return result;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    const int index = static_cast<int>(::if_nametoindex(one->ifa_name));
    InterfaceState& state = result[index];
    state.name = one->ifa_name;
    constexpr unsigned wanted = IFF_UP | IFF_RUNNING;
    if ((one->ifa_flags & (wanted | IFF_LOOPBACK)) != wanted || one->ifa_addr == nullptr) continue;
    sockaddr_storage storage{};
    const bool is_v6 = one->ifa_addr->sa_family == AF_INET6;
    std::memcpy(&storage, one->ifa_addr, is_v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr));
    const auto endpoint = Endpoint::from_sockaddr(storage);
    if (endpoint && !endpoint->address.is_link_local()) state.is_usable = true;
  }
  ::freeifaddrs(all);
  result.erase(0);
  return result;
}

dbus::ResolvedDns read_state_files(const std::map<int, InterfaceState>& interfaces,
                                   const fs::path& root) {
  const Settings settings = resolved_conf(root);
  dbus::ResolvedDns dns;
  dns.requires_tls = is_yes(settings, "DNSOverTLS", false);
  dns.is_foreign = is_foreign(root);
  std::set<Endpoint> of_links;
  for (const auto& [index, interface] : interfaces) {
    auto link = read_link(index, interface, root / "run/systemd", dns.requires_tls);
    for (const auto& server : link.servers) of_links.insert(server.endpoint);
    if (!link.servers.empty()) dns.links.push_back(std::move(link));
  }
  add_domains(dns.domains, words_of(settings, "Domains"), 0, false);
  const auto list = read_resolv_conf(root / "run/systemd/resolve/resolv.conf");
  if (!list) return dns;
  for (const Endpoint& server : list->nameservers) {
    if (!of_links.contains(server)) dns.servers.push_back({0, server, ""});
  }
  return dns;
}

}  // namespace dnscache::cli
