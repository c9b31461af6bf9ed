#include "cli/host/source_resolved.hpp"

#include <net/if.h>

#include <chrono>
#include <fmt/format.h>
#include <thread>

#include "cli/host/file_state.hpp"
#include "cli/host/virtual_link.hpp"
#include "dbus/networkd.hpp"
#include "dbus/resolved.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// A hung resolved must not hold the engine's restart up.
constexpr auto call_limit = 2s;
constexpr auto link_patience = 2s;
/// No name is below it (RFC 6761 section 6.4): the link stays, for the queries in flight.
constexpr const char* no_names = "dnscachectl.invalid";

constexpr const char* network_text =
    "# The interface of dnscachectl, which systemd-networkd must leave alone.\n"
    "[Match]\nName={}\n\n[Link]\nUnmanaged=yes\n";
constexpr const char* manager_text =
    "# The interface of dnscachectl, which NetworkManager must leave alone.\n"
    "[device-dnscachectl]\nmatch-device=interface-name:{}\nmanaged=0\n";

Result<void> keep_managers_off(dbus::Bus& bus) {
  const auto written =
      write_run_time_file(own_link_network_file, fmt::format(network_text, own_link_name));
  if (!written) return written.error();
  std::error_code ignored;
  if (fs::is_directory("/run/NetworkManager", ignored)) {
    const auto for_manager =
        write_run_time_file(own_link_manager_file, fmt::format(manager_text, own_link_name));
    if (!for_manager) return for_manager.error();
  }
  if (!*written) return {};
  dbus::Networkd networkd(bus);
  const auto is_running = networkd.is_running();
  // Links whose own files are as before are left alone by this.
  return is_running && *is_running ? networkd.reload() : Result<void>();
}

// resolved hears of a new interface a moment after it was made.
Result<void> set_link(dbus::Bus& bus, const dbus::ResolvedLink& link) {
  const auto deadline = std::chrono::steady_clock::now() + link_patience;
  for (;;) {
    const auto set = dbus::Resolved(bus).set_link(link);
    if (set || std::chrono::steady_clock::now() >= deadline) return set;
    std::this_thread::sleep_for(20ms);
  }
}

Result<void> up(const IpAddress& cache) {
  auto bus = dbus::Bus::connect(call_limit);
  if (!bus) return bus.error();
  if (const auto kept_off = keep_managers_off(*bus); !kept_off) return kept_off;
  const auto index = make_virtual_link(own_link_name);
  if (!index) return index.error();
  dbus::ResolvedLink link;
  link.interface_index = *index;
  link.servers.push_back({*index, {cache, 53}, ""});
  link.domains.push_back({*index, ".", true});
  // Its domain alone brings all names; with the default route resolved would list the server in
  // /run/systemd/resolve/resolv.conf, which containers and pods get a copy of.
  link.default_route = false;
  return set_link(*bus, link);
}

Result<void> withdraw() {
  const auto index = ::if_nametoindex(own_link_name);
  if (index == 0) return {};
  auto bus = dbus::Bus::connect(call_limit);
  if (!bus) return bus.error();
  const dbus::Domain nothing{static_cast<int>(index), no_names, true};
  return dbus::Resolved(*bus).set_link_domains(static_cast<int>(index), {nothing}, false);
}

Result<void> down() {
  if (const auto removed = remove_virtual_link(own_link_name); !removed) return removed;
  std::error_code ignored;
  fs::remove(own_link_network_file, ignored);
  fs::remove(own_link_manager_file, ignored);
  return {};
}

}  // namespace

bool is_resolved_here() {
  auto bus = dbus::Bus::connect(call_limit);
  if (!bus) return false;
  const auto is_running = dbus::Resolved(*bus).is_running();
  return is_running && *is_running;
}

Source resolved_source() { return {"systemd-resolved", is_resolved_here, up, withdraw, down}; }

}  // namespace dnscache::cli
