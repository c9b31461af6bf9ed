#include "cli/host/systemd/facts.hpp"

#include <net/if.h>

#include <algorithm>
#include <memory>
#include <ranges>

#include "cli/ask/glibc_lookup.hpp"
#include "cli/host/journal.hpp"
#include "cli/host/source.hpp"
#include "cli/host/system_user.hpp"
#include "cli/host/systemd/unit_links.hpp"
#include "cli/host/virtual_link.hpp"
#include "resolver/base/text_file.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* nsswitch_path = "/etc/nsswitch.conf";

void read_units(SystemFacts& facts, dbus::Bus& bus) {
  dbus::Systemd systemd(bus);
  for (const auto* name : {service_unit, socket_unit, source_unit, resolved_unit,
                           "systemd-networkd.service", "NetworkManager.service"}) {
    auto state = systemd.unit(name);
    if (!state) {
      facts.bus_problem = state.error().message;
      return;
    }
    facts.units[name] = std::move(*state);
  }
}

void read_resolved(SystemFacts& facts, dbus::Bus& bus) {
  dbus::Resolved resolved(bus);
  const auto is_running = resolved.is_running();
  if (!is_running || !*is_running) return;
  auto state = resolved.state();
  if (state) {
    facts.resolved = std::move(*state);
  } else {
    facts.resolved_problem = state.error().message;
  }
}

void read_links(SystemFacts& facts, dbus::Bus& bus) {
  const std::unique_ptr<struct if_nameindex, decltype(&::if_freenameindex)> interfaces(
      ::if_nameindex(), ::if_freenameindex);
  if (!interfaces) return;
  dbus::Resolved resolved(bus);
  for (const auto* interface = interfaces.get(); interface->if_index != 0; ++interface) {
    const std::string name = interface->if_name;
    if (name == "lo") continue;
    auto found = resolved.link(static_cast<int>(interface->if_index));
    if (!found) continue;
    if (name == own_link_name) {
      facts.own_link = std::move(*found);
      continue;
    }
    LinkFacts link{found->interface_index, name, {}, found->domains, found->default_route};
    for (const auto& server : found->servers) link.servers.push_back(server.endpoint.address);
    if (!link.servers.empty()) facts.links.push_back(std::move(link));
  }
}

bool is_running(std::string_view name) {
  std::error_code error;
  for (const auto& process : fs::directory_iterator("/proc", error)) {
    const auto comm = read_text_file(process.path() / "comm");
    if (comm && std::string_view(*comm).substr(0, comm->find('\n')) == name) return true;
  }
  return false;
}

void read_manager(SystemFacts& facts) {
  const auto found = std::ranges::find_if(sources(), [](const Source& s) { return s.is_here(); });
  if (found != sources().end()) facts.manager = found->name;
  facts.has_dhclient = facts.manager.empty() && is_running("dhclient");
}

}  // namespace

bool SystemFacts::is_active(const std::string& name) const {
  const auto* state = unit(name);
  return state != nullptr && state->is_active();
}

const dbus::UnitState* SystemFacts::unit(const std::string& name) const {
  const auto found = units.find(name);
  return found == units.end() ? nullptr : &found->second;
}

SystemFacts read_system_facts(const fs::path& root) {
  SystemFacts facts;
  if (const auto text = read_text_file(below(root, nsswitch_path))) {
    const auto hosts = parse_nss_hosts_line(*text);
    for (const auto& service : hosts.services) facts.nss_hosts.push_back(service.name);
  }
  facts.has_systemd = is_systemd_here(root);
  if (!facts.has_systemd) return facts;
  facts.has_user = has_system_user(root);
  auto bus = dbus::Bus::connect();
  if (!bus) {
    facts.bus_problem = bus.error().message;
    return facts;
  }
  read_units(facts, *bus);
  if (!facts.bus_problem.empty()) return facts;
  read_resolved(facts, *bus);
  if (!facts.resolved) {
    read_manager(facts);
    return facts;
  }
  facts.configured = read_resolved_conf();
  read_links(facts, *bus);
  facts.can_make_link = facts.own_link || can_make_virtual_link();
  return facts;
}

}  // namespace dnscache::cli
