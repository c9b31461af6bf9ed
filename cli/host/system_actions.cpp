#include "cli/host/system_actions.hpp"

#include <arpa/nameser.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <fmt/format.h>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "cli/host/system_plan.hpp"
#include "cli/host/unit_links.hpp"
#include "dbus/link_servers.hpp"
#include "resolver/config/resolv_conf.hpp"
#include "resolver/config/text_file.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr int most_refreshes = 10;
constexpr auto cache_directories = {"/var/cache/private/dnscachectl", "/var/cache/dnscachectl"};
constexpr auto log_directories = {"/var/log/private/dnscachectl", "/var/log/dnscachectl"};

template <class Condition>
bool comes_true(std::chrono::milliseconds limit, Condition condition) {
  const auto deadline = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(20ms);
  }
  return true;
}

/// The first address of the "DNS=" line in one of our drop-ins, or of "nameserver" in resolv.conf.
std::optional<IpAddress> cache_named_in(const FileState& file) {
  std::istringstream lines(file.content);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("DNS=")) continue;
    return IpAddress::parse(line.substr(4, line.find(' ') - 4));
  }
  const auto servers = parse_resolv_conf(file.content).nameservers;
  return servers.empty() ? std::nullopt : std::optional(servers.front().address);
}

Result<void> restart_unit(dbus::Bus& bus, const std::string& name) {
  dbus::Systemd systemd(bus);
  // Several restarts in a row must not meet the start limit, which no error code would tell.
  (void)systemd.reset_failed(name);
  if (const auto restarted = systemd.restart(name); !restarted) return restarted;
  if (name != resolved_unit) return {};
  return dbus::Resolved(bus).wait_until_running();
}

Result<int> index_of(const std::string& link) {
  const auto index = ::if_nametoindex(link.c_str());
  if (index == 0) return Error{fmt::format("there is no link {} any more", link)};
  return static_cast<int>(index);
}

Result<void> set_servers(dbus::Bus& bus, const Step& step) {
  const auto index = index_of(step.path.string());
  if (!index) return index.error();
  const std::vector<IpAddress> others(step.servers.begin() + 1, step.servers.end());
  return dbus::set_link_servers(bus, *index, step.servers.front(), others);
}

Result<void> perform_step(const Step& step) {
  auto bus = dbus::Bus::connect();
  if (!bus) return bus.error();
  dbus::Systemd systemd(*bus);
  switch (step.kind) {
    case Step::Kind::reload_units:
      return systemd.daemon_reload();
    case Step::Kind::enable_units: {
      const auto enabled = systemd.enable(step.names);
      return enabled ? Result<void>() : enabled.error();
    }
    case Step::Kind::start_unit:
      (void)systemd.reset_failed(step.path.string());
      return systemd.start(step.path.string());
    case Step::Kind::restart_unit:
      return restart_unit(*bus, step.path.string());
    case Step::Kind::link_servers:
      return set_servers(*bus, step);
    default:
      return {};
  }
}

Result<void> stop_unit(dbus::Bus& bus, const std::string& name) {
  dbus::Systemd systemd(bus);
  const auto state = systemd.unit(name);
  if (!state) return state.error();
  if (state->active_state != "inactive") {
    if (const auto stopped = systemd.stop(name); !stopped) return stopped;
  }
  if (name != service_unit) return {};
  std::error_code ignored;
  for (const auto* directory : cache_directories) fs::remove_all(directory, ignored);
  // A query log stays, as somebody wanted it; without one, the second name points to nothing now.
  for (const auto* directory : log_directories) {
    if (fs::is_empty(directory, ignored) || !fs::exists(directory, ignored)) {
      fs::remove(directory, ignored);
    }
  }
  return {};
}

// Only what setup set is reverted: another program's run-time servers don't name the cache.
Result<void> revert_servers(dbus::Bus& bus, const JournalEntry& entry) {
  const auto index = index_of(entry.path.string());
  if (!index) return {};
  const auto link = read_link(bus, *index, entry.path.string());
  if (!link) return {};  // without networkd there are no run-time servers
  if (!link->has_run_time_servers()) return {};
  const auto is_resolved_running = dbus::Resolved(bus).is_running();
  if (!is_resolved_running || !*is_resolved_running) {
    return dbus::Networkd(bus).revert_servers(*index);
  }
  const auto first = entry.servers.empty() ? link->servers.back().address : entry.servers.front();
  return dbus::revert_link_servers(bus, *index, first);
}

// systemd refuses to disable what is gone already, as after an undo that was cut off.
Result<void> disable_units(dbus::Systemd& systemd, const std::vector<std::string>& names) {
  std::vector<std::string> left;
  for (const auto& name : names) {
    const auto state = systemd.unit(name);
    if (!state) return state.error();
    std::error_code ignored;
    if (fs::exists(state->file, ignored)) {
      left.push_back(name);
    } else if (const auto removed = remove_links_to_unit({}, name); !removed) {
      return removed;
    }
  }
  if (left.empty()) return {};
  const auto disabled = systemd.disable(left);
  return disabled ? Result<void>() : disabled.error();
}

// Without systemd, as in a chroot, nothing runs, and what is enabled are links alone.
Result<void> undo_files_of(const JournalEntry& entry, const fs::path& root) {
  if (entry.kind != JournalEntry::Kind::enabled_units) return {};
  for (const auto& name : entry.names) {
    if (const auto removed = remove_links_to_unit(root, name); !removed) return removed;
  }
  return {};
}

Result<void> undo_entry(const JournalEntry& entry) {
  auto bus = dbus::Bus::connect();
  if (!bus) return bus.error();
  dbus::Systemd systemd(*bus);
  switch (entry.kind) {
    case JournalEntry::Kind::enabled_units:
      return disable_units(systemd, entry.names);
    case JournalEntry::Kind::started_unit:
      return stop_unit(*bus, entry.path.string());
    case JournalEntry::Kind::link_servers:
      return revert_servers(*bus, entry);
    default:
      return {};
  }
}

// networkd may have read the drop-in since: at boot, or when somebody made it reload.
Result<void> drop_in_undone(dbus::Bus& bus, const JournalEntry& entry) {
  dbus::Networkd networkd(bus);
  const auto cache = cache_named_in(entry.after);
  const auto is_running = networkd.is_running();
  if (!cache || !is_running || !*is_running) return {};
  const auto uses_it = [&]() -> bool {
    const auto links = networkd.links();
    if (!links) return false;
    return std::ranges::any_of(*links, [&](const dbus::NetworkLink& link) {
      const bool is_its = link.network_file.filename().string() + ".d" ==
                          entry.path.parent_path().filename().string();
      return is_its && std::ranges::find(link.servers, dbus::LinkServer{*cache, "static"}) !=
                           link.servers.end();
    });
  };
  if (!uses_it()) return {};
  if (const auto reloaded = networkd.reload(); !reloaded) return reloaded;
  if (comes_true(10s, [&] { return !uses_it(); })) return {};
  return Error{"systemd-networkd still names the cache; see 'networkctl status'"};
}

Result<void> resolved_undone(dbus::Bus& bus, const JournalEntry& entry) {
  dbus::Resolved resolved(bus);
  const auto cache = cache_named_in(entry.after);
  const auto is_running = resolved.is_running();
  if (!cache || !is_running) return {};
  if (!*is_running) {
    // It may be our drop-in that it did not start with.
    const auto unit = dbus::Systemd(bus).unit(resolved_unit);
    return unit && unit->active_state != "inactive" ? restart_unit(bus, resolved_unit)
                                                    : Result<void>();
  }
  const auto state = resolved.state();
  if (!state) return state.error();
  const bool uses_it = std::ranges::any_of(state->servers, [&](const dbus::DnsServer& server) {
    return server.endpoint.address == *cache;
  });
  return uses_it ? restart_unit(bus, resolved_unit) : Result<void>();
}

// resolved has read our file as a foreign one, and does not read it again once it is its own.
bool belongs_to_resolved_again(const JournalEntry& entry) {
  return entry.path == resolv_conf_path && entry.before.kind == FileState::Kind::symlink &&
         entry.before.content.find("systemd/resolve") != std::string::npos;
}

Result<void> file_undone(const JournalEntry& entry) {
  const bool is_own_again = belongs_to_resolved_again(entry);
  if (!is_network_drop_in(entry.path) && entry.path != resolved_drop_in && !is_own_again) return {};
  auto bus = dbus::Bus::connect();
  if (!bus) return bus.error();
  if (is_own_again) return resolved_undone(*bus, entry);
  return entry.path == resolved_drop_in ? resolved_undone(*bus, entry)
                                        : drop_in_undone(*bus, entry);
}

Result<void> unit_files_undone() {
  auto bus = dbus::Bus::connect();
  if (!bus) return bus.error();
  dbus::Systemd systemd(*bus);
  for (const auto* unit : {service_unit, recover_unit}) {
    (void)systemd.reset_failed(unit);
  }
  return systemd.daemon_reload();
}

constexpr const char* lease_directory = "/run/systemd/netif/leases";

/// The leases of networkd's DHCP clients, by interface index.
using Leases = std::map<std::string, std::string>;

Leases read_leases() {
  Leases leases;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(lease_directory, error)) {
    const auto text = read_text_file(file.path());
    leases[file.path().filename().string()] = text ? *text : "";
  }
  return leases;
}

/// The servers that the DHCP client of a link last heard of (its lease file's DNS= line).
std::vector<IpAddress> servers_of_lease(int interface_index) {
  std::ifstream file(fmt::format("{}/{}", lease_directory, interface_index));
  std::vector<IpAddress> servers;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("DNS=")) continue;
    std::istringstream words(line.substr(4));
    for (std::string word; words >> word;) {
      if (const auto address = IpAddress::parse(word)) servers.push_back(*address);
    }
  }
  return servers;
}

bool contains_all(const std::vector<IpAddress>& list, const std::vector<IpAddress>& wanted) {
  return std::ranges::all_of(wanted, [&](const IpAddress& address) {
    return std::ranges::find(list, address) != list.end();
  });
}

Result<void> refresh_link(dbus::Bus& bus, const std::string& name, const IpAddress& cache) {
  const auto index = index_of(name);
  if (!index) return {};
  auto link = read_link(bus, *index, name);
  if (!link) return link.error();
  if (link->servers.empty()) return {};
  if (!link->has_run_time_servers()) {
    if (link->servers.front().address != cache) return {};
    return dbus::revert_link_servers(bus, *index, cache);
  }
  // Run-time servers hide those of a new lease until they are reverted.
  if (!contains_all(link->servers_without(cache), servers_of_lease(*index))) {
    if (const auto reverted = dbus::Networkd(bus).revert_servers(*index); !reverted) {
      return reverted;
    }
    link = read_link(bus, *index, name);
    if (!link) return link.error();
    if (!link->servers.empty() && link->servers.front().address == cache) {
      return dbus::revert_link_servers(bus, *index, cache);
    }
  }
  return dbus::set_link_servers(bus, *index, cache, link->servers_without(cache));
}

}  // namespace

void add_system_actions(Actions& actions, const fs::path& root) {
  actions.perform_system = perform_step;
  if (!is_systemd_here(root)) {
    actions.undo_system = [root](const JournalEntry& entry) { return undo_files_of(entry, root); };
    return;
  }
  actions.undo_system = undo_entry;
  actions.file_undone = file_undone;
  actions.unit_files_undone = unit_files_undone;
}

Result<void> refresh_links(const Journal& journal) {
  std::optional<IpAddress> cache;
  std::set<std::string> links;
  for (std::size_t i = 0; i < journal.committed(); ++i) {
    const auto& entry = journal.entries()[i];
    if (is_network_drop_in(entry.path)) {
      const auto now = FileState::read(entry.path);
      if (now && now->has_same_content(entry.after)) cache = cache_named_in(entry.after);
    }
    if (entry.kind == JournalEntry::Kind::link_servers) links.insert(entry.path.string());
  }
  if (!cache || links.empty()) return {};
  auto bus = dbus::Bus::connect();
  if (!bus) return bus.error();
  const auto is_running = dbus::Networkd(*bus).is_running();
  if (!is_running) return is_running.error();
  if (!*is_running) return {};
  // systemd forgets that a lease changed while the unit that runs this is active.
  for (int i = 0; i < most_refreshes; ++i) {
    const auto leases = read_leases();
    for (const auto& link : links) {
      if (const auto refreshed = refresh_link(*bus, link, *cache); !refreshed) return refreshed;
    }
    if (read_leases() == leases) return {};
  }
  return {};
}

Result<void> look_up_through_resolved(const ProbeQuestion& question) {
  if (question.type != ns_t_a) return {};
  auto bus = dbus::Bus::connect();
  if (!bus) return bus.error();
  const auto found = dbus::Resolved(*bus).resolve(question.name, AF_INET);
  return found ? Result<void>() : found.error();
}

Result<void> flush_resolved() {
  auto bus = dbus::Bus::connect();
  if (!bus) return bus.error();
  return dbus::Resolved(*bus).flush_caches();
}

}  // namespace dnscache::cli
