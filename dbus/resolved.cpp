#include "dbus/resolved.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <string_view>
#include <utility>

#include "dbus/call.hpp"
#include "dbus/org.freedesktop.resolve1.proxy.hpp"
#include "dbus/resolve1_rows.hpp"

namespace dnscache::dbus {
namespace {

namespace resolve1 = org::freedesktop::resolve1;

using Manager = Proxy<resolve1::Manager_proxy>;
using Link = Proxy<resolve1::Link_proxy>;
using Bytes = std::vector<std::uint8_t>;

// org.freedesktop.resolve1(5), "Flags Parameter".
constexpr std::uint64_t ask_dns_only = 1u << 0;
constexpr std::uint64_t is_authenticated = 1u << 9;
constexpr std::uint64_t no_cache = 1u << 12;
constexpr std::uint64_t is_synthetic = 1u << 19;
constexpr std::uint64_t is_from_cache = 1u << 20;
constexpr std::uint64_t is_from_zone = 1u << 21;
constexpr std::uint64_t is_from_network = 1u << 23;

ResolvedState read_state(Bus::Connection& connection) {
  Manager manager(connection, resolved_service);
  ResolvedState state;
  state.servers = to_servers(manager.DNSEx());
  state.domains = to_domains(manager.Domains());
  state.resolv_conf_mode =
      resolv_conf_mode_words.parse(manager.ResolvConfMode()).value_or(ResolvConfMode::unknown);
  state.dnssec = manager.DNSSEC();
  state.dns_over_tls = manager.DNSOverTLS();
  return state;
}

ResolvedLink read_link(Bus::Connection& connection, int interface_index) {
  auto path = Manager(connection, resolved_service).GetLink(interface_index);
  Link proxy(connection, resolved_service, path);
  ResolvedLink link;
  link.interface_index = interface_index;
  link.servers = to_servers(proxy.DNSEx(), interface_index);
  link.domains = to_domains(proxy.Domains(), interface_index);
  link.default_route = proxy.DefaultRoute();
  return link;
}

using AddressRow = sdbus::Struct<std::int32_t, Bytes>;
using DomainRow = sdbus::Struct<std::string, bool>;

void write_domains(Manager& manager, int interface_index, const std::vector<Domain>& domains,
                   bool default_route) {
  std::vector<DomainRow> rows;
  for (const auto& domain : domains) rows.emplace_back(domain.name, domain.route_only);
  // The default route goes last and comes first: at no time is a name without anybody to ask.
  if (default_route) manager.SetLinkDefaultRoute(interface_index, true);
  manager.SetLinkDomains(interface_index, rows);
  if (!default_route) manager.SetLinkDefaultRoute(interface_index, false);
}

void write_link(Bus::Connection& connection, const ResolvedLink& link) {
  Manager manager(connection, resolved_service);
  const auto now = read_link(connection, link.interface_index);
  const int index = link.interface_index;
  if (now.servers != link.servers) {
    std::vector<AddressRow> rows;
    for (const auto& server : link.servers) {
      const auto& address = server.endpoint.address;
      const auto begin = address.bytes.begin();
      rows.emplace_back(address.is_v6 ? AF_INET6 : AF_INET,
                        Bytes(begin, begin + static_cast<std::ptrdiff_t>(address.size())));
    }
    manager.SetLinkLLMNR(index, "no");
    manager.SetLinkMulticastDNS(index, "no");
    manager.SetLinkDNSOverTLS(index, "no");
    manager.SetLinkDNSSEC(index, "no");
    manager.SetLinkDNS(index, rows);
  }
  if (now.domains != link.domains || now.default_route != link.default_route) {
    write_domains(manager, index, link.domains, link.default_route);
  }
}

Lookup ask(Bus::Connection& connection, const std::string& name, int family) {
  auto [addresses, canonical_name, flags] =
      Manager(connection, resolved_service)
          .ResolveHostname(0, name, family, ask_dns_only | no_cache);
  Lookup lookup;
  for (const auto& row : addresses) {
    const auto& [interface_index, address_family, bytes] = fields(row);
    auto address = IpAddress::from_bytes(bytes);
    if (address.is_v6 && address.is_link_local()) {
      address.scope_id = static_cast<std::uint32_t>(interface_index);
    }
    lookup.addresses.push_back(address);
  }
  lookup.canonical_name = canonical_name;
  lookup.from_network = flags & is_from_network;
  lookup.from_cache = flags & is_from_cache;
  lookup.is_synthetic = flags & is_synthetic;
  lookup.from_zone = flags & is_from_zone;
  lookup.was_validated = flags & is_authenticated;
  return lookup;
}

// org.freedesktop.resolve1(5), "Common Errors".
bool says_none(const sdbus::Error& error) {
  return error.getName() == "org.freedesktop.resolve1.DnsError.NXDOMAIN" ||
         error.getName() == "org.freedesktop.resolve1.NoSuchRR";
}

}  // namespace

bool ResolvedState::has_server(const IpAddress& address) const {
  return std::ranges::any_of(
      servers, [&](const DnsServer& server) { return server.endpoint.address == address; });
}

Result<bool> Resolved::is_running() {
  return attempt(*connection_, bus_daemon, "ask for systemd-resolved",
                 [&] { return has_owner(*connection_, resolved_service); });
}

Result<void> Resolved::wait_until_running(std::chrono::milliseconds limit) {
  return wait_until_on_bus(*connection_, resolved_service, limit);
}

Result<ResolvedState> Resolved::state() {
  return attempt_running(*connection_, resolved_service, "read systemd-resolved's settings",
                         [&] { return read_state(*connection_); });
}

Result<ResolvedLink> Resolved::link(int interface_index) {
  return attempt_running(
      *connection_, resolved_service,
      fmt::format("read systemd-resolved's settings of link {}", interface_index),
      [&] { return read_link(*connection_, interface_index); });
}

Result<void> Resolved::set_link(const ResolvedLink& link) {
  return attempt_running(
      *connection_, resolved_service,
      fmt::format("give link {} its servers in systemd-resolved", link.interface_index),
      [&] { write_link(*connection_, link); });
}

Result<void> Resolved::set_link_domains(int interface_index, const std::vector<Domain>& domains,
                                        bool default_route) {
  return attempt_running(
      *connection_, resolved_service,
      fmt::format("give link {} its domains in systemd-resolved", interface_index), [&] {
        Manager manager(*connection_, resolved_service);
        write_domains(manager, interface_index, domains, default_route);
      });
}

Result<Lookup> Resolved::resolve(const std::string& name, int family,
                                 std::chrono::milliseconds limit) {
  CallLimit call_limit(*connection_, limit);
  return attempt_running(*connection_, resolved_service,
                         fmt::format("look {} up through systemd-resolved", name),
                         [&] { return ask(*connection_, name, family); });
}

Result<bool> Resolved::has_address(const std::string& name, const IpAddress& address,
                                   std::chrono::milliseconds limit) {
  CallLimit call_limit(*connection_, limit);
  return attempt_running(*connection_, resolved_service,
                         fmt::format("look {} up through systemd-resolved", name), [&] {
                           try {
                             const auto found = ask(*connection_, name, AF_INET).addresses;
                             return std::ranges::find(found, address) != found.end();
                           } catch (const sdbus::Error& error) {
                             if (!says_none(error)) throw;
                             return false;
                           }
                         });
}

}  // namespace dnscache::dbus
