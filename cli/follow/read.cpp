#include "cli/follow/read.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "cli/follow/state_files.hpp"
#include "resolver/admission/own_addresses.hpp"
#include "resolver/base/file_descriptor.hpp"
#include "resolver/config/resolv_conf.hpp"
#include "resolver/config/upstreams_from.hpp"

namespace dnscache::cli {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto call_limit = 2s;
constexpr const char* resolved_socket = "/run/systemd/resolve/io.systemd.Resolve";
constexpr const char* network_manager_folder = "/run/NetworkManager";

bool exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

enum class Running { no, yes, unknown };

// resolved's files stay when it stops, and a bus that is mounted into a container is of another
// machine: its own socket tells. Older versions have none.
Running resolved_runs() {
  if (!exists(systemd_resolv_conf)) return Running::no;
  if (!exists(resolved_socket)) return Running::unknown;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, resolved_socket, sizeof address.sun_path - 1);
  const FileDescriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto* const where = reinterpret_cast<const sockaddr*>(&address);
  if (!fd || ::connect(fd.get(), where, sizeof address) == 0) return Running::yes;
  return errno == EAGAIN ? Running::yes : Running::no;  // EAGAIN: its backlog is full
}

// A wildcard address is every address of the machine.
std::vector<Endpoint> reached_at(const std::vector<Endpoint>& listen) {
  std::vector<Endpoint> reached = listen;
  for (const Endpoint& endpoint : listen) {
    if (!endpoint.address.is_unspecified()) continue;
    const auto addresses = own_addresses();
    if (!addresses) continue;
    for (const IpAddress& address : *addresses) reached.push_back({address, endpoint.port});
  }
  return reached;
}

fs::path in_root(const ServerSource& source, const fs::path& path) {
  return source.root.empty() ? path : source.root / path.relative_path();
}

std::vector<Endpoint> nameservers_in(const fs::path& path) {
  const auto file = read_resolv_conf(path);
  return file ? file->nameservers : std::vector<Endpoint>{};
}

// False when systemd-resolved runs, but does not answer; its files say what it did before.
bool ask_resolved(Result<dbus::Bus>& bus, Running running, MachineDns& machine) {
  const auto is_on_bus = bus ? dbus::Resolved(*bus).is_running() : Result<bool>(bus.error());
  if (is_on_bus && *is_on_bus) {
    if (auto dns = dbus::read_resolved_dns(*bus)) {
      machine.resolved = std::move(*dns);
      return true;
    }
  }
  if (running != Running::yes) return true;
  machine.resolved = read_state_files(interfaces());
  return !is_on_bus;  // a bus that refuses us, or is not there, will go on doing so
}

// Returns whether the answers are certain.
bool ask_managers(MachineDns& machine) {
  const Running resolved = resolved_runs();
  const bool has_network_manager = exists(network_manager_folder);
  if (resolved == Running::no && !has_network_manager) return true;
  auto bus = dbus::Bus::connect(call_limit);
  const bool is_certain = resolved == Running::no || ask_resolved(bus, resolved, machine);
  if (machine.resolved || !has_network_manager || !bus) return is_certain;
  if (auto dns = dbus::read_network_manager_dns(*bus)) machine.network_manager = std::move(*dns);
  return is_certain;
}

ServerReading read_file(const ServerSource& source) {
  ServerReading reading;
  reading.servers.source = source.file.string();
  const auto file = read_resolv_conf(in_root(source, source.file));
  if (!file) {
    reading.servers.problem = file.error().message;
    return reading;
  }
  const Nameservers found = sort_nameservers(file->nameservers, reached_at(source.listen));
  reading.servers.upstreams = found.usable;
  if (found.usable.empty()) reading.servers.problem = source.file.string() + ' ' + to_text(found);
  return reading;
}

}  // namespace

ServerSource source_of(const Config& config) { return {config.upstreams_from, config.listen}; }

ServerReading read_servers(const ServerSource& source) {
  if (!source.file.empty()) return read_file(source);
  MachineDns machine;
  ServerReading reading;
  machine.own = reached_at(source.listen);
  if (source.root.empty()) reading.is_certain = ask_managers(machine);
  reading.has_manager = machine.resolved || machine.network_manager;
  machine.resolv_conf = nameservers_in(in_root(source, default_resolv_conf));
  machine.resolved_list = nameservers_in(in_root(source, systemd_resolv_conf));
  reading.servers = decide(machine);
  reading.domains = domains_of(machine);
  return reading;
}

std::vector<fs::path> files_of(const ServerSource& source) {
  if (!source.file.empty()) return {source.file};
  // resolved and NetworkManager write one of these whenever anything of their DNS changes; the bus
  // comes after the engine when the machine starts.
  return {default_resolv_conf,          "/run/systemd/resolve", "/run/systemd/resolve/netif",
          "/run/systemd/netif/links",   network_manager_folder, "/run/NetworkManager/devices",
          "/run/dbus/system_bus_socket"};
}

}  // namespace dnscache::cli
