#include "dbus/dns_sources.hpp"

#include <net/if.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>

#include "dbus/call.hpp"
#include "dbus/org.freedesktop.NetworkManager.DnsManager.proxy.hpp"
#include "dbus/org.freedesktop.resolve1.proxy.hpp"
#include "dbus/resolve1_rows.hpp"

namespace dnscache::dbus {
namespace {

namespace resolve1 = org::freedesktop::resolve1;

using Manager = Proxy<resolve1::Manager_proxy>;
using Link = Proxy<resolve1::Link_proxy>;
using DnsManager = Proxy<org::freedesktop::NetworkManager::DnsManager_proxy>;
using Dictionary = std::map<std::string, sdbus::Variant>;

constexpr std::uint64_t dns_scope = 1;  // SD_RESOLVED_DNS, org.freedesktop.resolve1(5)
constexpr int loopback_index = 1;

std::string name_of(int index) {
  std::array<char, IF_NAMESIZE> name{};
  return ::if_indextoname(static_cast<unsigned>(index), name.data()) != nullptr ? name.data() : "";
}

LinkDns read_link(Bus::Connection& connection, Manager& manager, int index) {
  Link proxy(connection, resolved_service, manager.GetLink(index));
  LinkDns link;
  link.index = index;
  link.name = name_of(index);
  link.has_dns_scope = (proxy.ScopesMask() & dns_scope) != 0;
  link.is_default_route = proxy.DefaultRoute();
  link.requires_tls = proxy.DNSOverTLS() == "yes";
  link.servers = to_servers(proxy.DNSEx(), index);
  link.domains = to_domains(proxy.Domains(), index);
  return link;
}

// Nothing of a link that went away since; a time-out is an error.
void add_link(Bus::Connection& connection, Manager& manager, int index, ResolvedDns& dns) {
  try {
    dns.links.push_back(read_link(connection, manager, index));
  } catch (const sdbus::Error& error) {
    if (error.getName() != "org.freedesktop.resolve1.NoSuchLink" &&
        error.getName() != "org.freedesktop.DBus.Error.UnknownObject") {
      throw;
    }
  }
}

// A loopback server is listed without the link that it is of.
bool has_unknown_link(const DnsServer& server, const ResolvedDns& dns) {
  return server.interface_index == loopback_index &&
         std::ranges::none_of(dns.links, [&](const LinkDns& link) {
           return std::ranges::count(link.servers, server.endpoint, &DnsServer::endpoint) > 0;
         });
}

std::set<int> all_links() {
  std::set<int> indexes;
  struct if_nameindex* const all = ::if_nameindex();
  for (auto* link = all; link != nullptr && link->if_index != 0; ++link) {
    indexes.insert(static_cast<int>(link->if_index));
  }
  if (all != nullptr) ::if_freenameindex(all);
  return indexes;
}

void add_links(Bus::Connection& connection, Manager& manager, ResolvedDns& dns) {
  std::set<int> known{0, loopback_index};
  const auto add = [&](int index) {
    if (known.insert(index).second) add_link(connection, manager, index, dns);
  };
  for (const Domain& domain : dns.domains) add(domain.interface_index);
  for (const DnsServer& server : dns.servers) add(server.interface_index);
  const bool is_complete = std::ranges::none_of(
      dns.servers, [&](const DnsServer& server) { return has_unknown_link(server, dns); });
  if (is_complete) return;
  for (const int index : all_links()) add(index);
}

ResolvedDns read_resolved(Bus::Connection& connection) {
  Manager manager(connection, resolved_service);
  ResolvedDns dns;
  dns.servers = to_servers(manager.DNSEx());
  dns.fallback_servers = to_servers(manager.FallbackDNSEx());
  dns.domains = to_domains(manager.Domains());
  dns.requires_tls = manager.DNSOverTLS() == "yes";
  dns.is_foreign = manager.ResolvConfMode() == "foreign";
  add_links(connection, manager, dns);
  return dns;
}

template <class T>
T value_of(const Dictionary& dictionary, const char* key) {
  const auto found = dictionary.find(key);
  if (found == dictionary.end() || !found->second.containsValueOfType<T>()) return {};
  return found->second.get<T>();
}

NetworkManagerDns read_network_manager(Bus::Connection& connection) {
  DnsManager manager(connection, network_manager_dns);
  NetworkManagerDns dns;
  dns.mode = manager.Mode();
  for (const Dictionary& entry : manager.Configuration()) {
    dns.connections.push_back({value_of<std::string>(entry, "interface"),
                               value_of<std::int32_t>(entry, "priority"),
                               value_of<std::vector<std::string>>(entry, "nameservers"),
                               value_of<std::vector<std::string>>(entry, "domains")});
  }
  return dns;
}

}  // namespace

Result<ResolvedDns> read_resolved_dns(Bus& bus) {
  return attempt_running(bus.connection(), resolved_service, "read systemd-resolved's servers",
                         [&] { return read_resolved(bus.connection()); });
}

Result<NetworkManagerDns> read_network_manager_dns(Bus& bus) {
  return attempt_running(bus.connection(), network_manager_dns, "read NetworkManager's servers",
                         [&] { return read_network_manager(bus.connection()); });
}

}  // namespace dnscache::dbus
