// The rows of org.freedesktop.resolve1's lists as servers and domains.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dbus/call.hpp"
#include "dbus/resolved.hpp"

namespace dnscache::dbus {

inline DnsServer to_server(int interface_index, const std::vector<std::uint8_t>& address,
                           std::uint16_t port, const std::string& server_name) {
  DnsServer server;
  server.interface_index = interface_index;
  server.endpoint = {IpAddress::from_bytes(address), port == 0 ? std::uint16_t{53} : port};
  const bool needs_scope = address.size() == 16 && server.endpoint.address.is_link_local();
  if (needs_scope) {
    server.endpoint.address.scope_id = static_cast<std::uint32_t>(interface_index);
  }
  server.server_name = server_name;
  return server;
}

/// DNSEx of the manager, where each row has its interface.
template <class Rows>
std::vector<DnsServer> to_servers(const Rows& rows) {
  std::vector<DnsServer> servers;
  for (const auto& row : rows) {
    const auto& [interface_index, family, address, port, name] = fields(row);
    servers.push_back(to_server(interface_index, address, port, name));
  }
  return servers;
}

/// DNSEx of a link.
template <class Rows>
std::vector<DnsServer> to_servers(const Rows& rows, int interface_index) {
  std::vector<DnsServer> servers;
  for (const auto& row : rows) {
    const auto& [family, address, port, name] = fields(row);
    servers.push_back(to_server(interface_index, address, port, name));
  }
  return servers;
}

/// Domains of the manager, where each row has its interface.
template <class Rows>
std::vector<Domain> to_domains(const Rows& rows) {
  std::vector<Domain> domains;
  for (const auto& row : rows) {
    const auto& [interface_index, name, route_only] = fields(row);
    domains.push_back({interface_index, name, route_only});
  }
  return domains;
}

/// Domains of a link.
template <class Rows>
std::vector<Domain> to_domains(const Rows& rows, int interface_index) {
  std::vector<Domain> domains;
  for (const auto& row : rows) {
    const auto& [name, route_only] = fields(row);
    domains.push_back({interface_index, name, route_only});
  }
  return domains;
}

}  // namespace dnscache::dbus
