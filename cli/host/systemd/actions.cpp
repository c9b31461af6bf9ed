#include "cli/host/systemd/actions.hpp"

#include <arpa/nameser.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <fmt/format.h>
#include <sstream>

#include "cli/host/resolved_conf.hpp"
#include "cli/host/source_resolved_file.hpp"
#include "cli/host/system_user.hpp"
#include "cli/host/systemd/plan.hpp"
#include "cli/host/systemd/unit_links.hpp"
#include "dbus/networkd.hpp"
#include "resolver/config/resolv_conf.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;

constexpr auto cache_directories = {"/var/cache/private/dnscachectl", "/var/cache/dnscachectl"};
constexpr auto log_directories = {"/var/log/private/dnscachectl", "/var/log/dnscachectl"};

/// The first address of the "DNS=" line in one of our drop-ins, or of "nameserver" in resolv.conf.
std::optional<IpAddress> cache_named_in(const FileState& file) {
  std::istringstream lines(file.content);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("DNS=") || line == "DNS=") continue;
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

Result<void> perform_step(const Step& step) {
  if (step.kind == Step::Kind::make_user) return make_system_user({});
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
    default:
      return {};
  }
}

void remove_directories(const fs::path& root) {
  std::error_code ignored;
  for (const auto* directory : cache_directories) fs::remove_all(below(root, directory), ignored);
  // A query log stays, as somebody wanted it; without one, the second name points to nothing now.
  for (const auto* name : log_directories) {
    const auto directory = below(root, name);
    if (fs::is_empty(directory, ignored) || !fs::exists(directory, ignored)) {
      fs::remove(directory, ignored);
    }
  }
}

Result<void> stop_unit(dbus::Bus& bus, const std::string& name) {
  dbus::Systemd systemd(bus);
  const auto state = systemd.unit(name);
  if (!state) return state.error();
  if (state->active_state != "inactive") {
    if (const auto stopped = systemd.stop(name); !stopped) return stopped;
  }
  // A query may have started the service again before its socket was stopped.
  if (name == service_unit || name == socket_unit) remove_directories({});
  return {};
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

// The units of an image were started by systemd, so only this entry says that they are ours.
Result<void> stop_and_disable(dbus::Bus& bus, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    if (const auto stopped = stop_unit(bus, name); !stopped) return stopped;
  }
  dbus::Systemd systemd(bus);
  return disable_units(systemd, names);
}

// Version 0.1.0 set the servers of networkd's links at run time.
Result<void> revert_servers(dbus::Bus& bus, const JournalEntry& entry) {
  const auto index = ::if_nametoindex(entry.path.c_str());
  dbus::Networkd networkd(bus);
  const auto is_running = networkd.is_running();
  if (index == 0 || !is_running || !*is_running) return {};
  // What somebody else has set since is theirs.
  const auto link = dbus::Resolved(bus).link(static_cast<int>(index));
  const bool is_ours =
      link && !link->servers.empty() && link->servers.front().endpoint.address.is_loopback();
  if (!is_ours) return {};
  return networkd.revert_servers(static_cast<int>(index));
}

// Without systemd, as in a chroot, nothing runs, and what is enabled are links alone.
Result<void> undo_files_of(const JournalEntry& entry, const fs::path& root) {
  if (entry.kind == JournalEntry::Kind::user) return remove_system_user(root);
  if (entry.kind == JournalEntry::Kind::started_unit && entry.path == service_unit) {
    remove_directories(root);
  }
  if (entry.kind != JournalEntry::Kind::enabled_units) return {};
  for (const auto& name : entry.names) {
    if (const auto removed = remove_links_to_unit(root, name); !removed) return removed;
  }
  return {};
}

Result<void> undo_entry(const JournalEntry& entry) {
  if (entry.kind == JournalEntry::Kind::user) return remove_system_user({});
  auto bus = dbus::Bus::connect();
  if (!bus) return bus.error();
  switch (entry.kind) {
    case JournalEntry::Kind::enabled_units:
      return stop_and_disable(*bus, entry.names);
    case JournalEntry::Kind::started_unit:
      return stop_unit(*bus, entry.path.string());
    case JournalEntry::Kind::link_servers:
      return revert_servers(*bus, entry);
    default:
      return {};
  }
}

// networkd configures anew only links whose files changed since it read them.
Result<void> drop_in_undone(dbus::Bus& bus) {
  dbus::Networkd networkd(bus);
  const auto is_running = networkd.is_running();
  return is_running && *is_running ? networkd.reload() : Result<void>();
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
  return state->has_server(*cache) ? restart_unit(bus, resolved_unit) : Result<void>();
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
  std::error_code ignored;
  if (entry.path == resolved_drop_in) fs::remove(resolved_off_file, ignored);
  if (is_own_again) return resolved_undone(*bus, entry);
  return entry.path == resolved_drop_in ? resolved_undone(*bus, entry) : drop_in_undone(*bus);
}

Result<void> unit_files_undone() {
  auto bus = dbus::Bus::connect();
  if (!bus) return bus.error();
  dbus::Systemd systemd(*bus);
  for (const auto* unit : {service_unit, source_unit}) {
    (void)systemd.reset_failed(unit);
  }
  return systemd.daemon_reload();
}

}  // namespace

void add_image_actions(Actions& actions, const fs::path& root) {
  actions.perform_system = [root](const Step& step) -> Result<void> {
    for (const auto& name : step.names) {
      if (const auto made = make_links_to_unit(root, name); !made) return made;
    }
    return {};
  };
  actions.undo_system = [root](const JournalEntry& entry) { return undo_files_of(entry, root); };
}

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

Result<void> look_up_through_resolved(const ProbeQuestion& question) {
  if (question.type != ns_t_a) return {};
  auto bus = dbus::Bus::connect();
  if (!bus) return bus.error();
  const auto found = dbus::Resolved(*bus).resolve(question.name, AF_INET);
  return found ? Result<void>() : found.error();
}

}  // namespace dnscache::cli
