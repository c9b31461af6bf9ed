#include "dbus/networkd.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <utility>

#include "dbus/call.hpp"
#include "dbus/org.freedesktop.network1.proxy.hpp"

namespace dnscache::dbus {
namespace {

using Manager = Proxy<org::freedesktop::network1::Manager_proxy>;
using Json = nlohmann::json;

std::string text(const Json& object, const char* key) { return object.value(key, std::string()); }

const Json& list(const Json& object, const char* key) {
  static const Json empty = Json::array();
  auto found = object.find(key);
  return found == object.end() || found->is_null() ? empty : *found;
}

IpAddress to_address(const Json& bytes) {
  IpAddress address;
  address.is_v6 = bytes.size() == 16;
  auto count = std::min(bytes.size(), address.bytes.size());
  for (std::size_t i = 0; i < count; ++i) address.bytes[i] = bytes.at(i).get<std::uint8_t>();
  return address;
}

using AddressRow = sdbus::Struct<std::int32_t, std::vector<std::uint8_t>>;

std::vector<AddressRow> to_rows(const std::vector<IpAddress>& addresses) {
  std::vector<AddressRow> rows;
  for (const auto& address : addresses) {
    auto begin = address.bytes.begin();
    std::vector<std::uint8_t> bytes(begin, begin + static_cast<std::ptrdiff_t>(address.size()));
    rows.emplace_back(address.is_v6 ? AF_INET6 : AF_INET, std::move(bytes));
  }
  return rows;
}

std::vector<std::string> domains(const Json& object, const char* key) {
  std::vector<std::string> names;
  for (const auto& domain : list(object, key)) names.push_back(text(domain, "Domain"));
  return names;
}

NetworkLink to_link(const Json& object) {
  NetworkLink link;
  link.interface_index = object.at("Index").get<int>();
  link.name = text(object, "Name");
  link.administrative_state = text(object, "AdministrativeState");
  link.operational_state = text(object, "OperationalState");
  link.network_file = text(object, "NetworkFile");
  for (const auto& server : list(object, "DNS")) {
    link.servers.push_back({to_address(server.at("Address")), text(server, "ConfigSource")});
  }
  link.search_domains = domains(object, "SearchDomains");
  link.route_domains = domains(object, "RouteDomains");
  return link;
}

}  // namespace

Result<NetworkLink> parse_network_link(std::string_view json) {
  try {
    return to_link(Json::parse(json));
  } catch (const Json::exception& error) {
    return Error{
        fmt::format("cannot read systemd-networkd's description of a link: {}", error.what())};
  }
}

Result<bool> Networkd::is_running() {
  return attempt(*connection_, bus_daemon, "ask for systemd-networkd",
                 [&] { return has_owner(*connection_, networkd_service); });
}

Result<void> Networkd::wait_until_running(std::chrono::milliseconds limit) {
  return wait_until_on_bus(*connection_, networkd_service, limit);
}

Result<std::vector<NetworkLink>> Networkd::links() {
  auto rows = attempt_running(*connection_, networkd_service, "list systemd-networkd's links",
                              [&] { return Manager(*connection_, networkd_service).ListLinks(); });
  if (!rows) return rows.error();
  std::vector<NetworkLink> links;
  for (const auto& row : *rows) {
    const auto& [interface_index, name, path] = fields(row);
    auto found = link(interface_index);
    if (!found) return found.error();
    links.push_back(std::move(*found));
  }
  return links;
}

Result<NetworkLink> Networkd::link(int interface_index) {
  auto json = attempt_running(
      *connection_, networkd_service,
      fmt::format("read systemd-networkd's settings of link {}", interface_index),
      [&] { return Manager(*connection_, networkd_service).DescribeLink(interface_index); });
  if (!json) return json.error();
  return parse_network_link(*json);
}

Result<void> Networkd::reload() {
  return attempt_running(*connection_, networkd_service, "reload systemd-networkd's files",
                         [&] { Manager(*connection_, networkd_service).Reload(); });
}

Result<void> Networkd::reconfigure(int interface_index) {
  return attempt_running(
      *connection_, networkd_service, fmt::format("configure link {} anew", interface_index),
      [&] { Manager(*connection_, networkd_service).ReconfigureLink(interface_index); });
}

Result<void> Networkd::set_servers(int interface_index, const std::vector<IpAddress>& servers) {
  return attempt_running(
      *connection_, networkd_service, fmt::format("set the servers of link {}", interface_index),
      [&] {
        Manager(*connection_, networkd_service).SetLinkDNS(interface_index, to_rows(servers));
      });
}

Result<void> Networkd::revert_servers(int interface_index) {
  return attempt_running(
      *connection_, networkd_service, fmt::format("revert the servers of link {}", interface_index),
      [&] { Manager(*connection_, networkd_service).RevertLinkDNS(interface_index); });
}

}  // namespace dnscache::dbus
