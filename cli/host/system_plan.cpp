#include "cli/host/system_plan.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <set>

#include "cli/host/unit_links.hpp"
#include "resolver/config/text.hpp"
#include "templates/templates.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;
using dbus::ResolvConfMode;

constexpr const char* network_directory = "/etc/systemd/network";
constexpr const char* drop_in_name = "50-dnscachectl.conf";

/// A unit file and when it is installed.
struct UnitFile {
  const char* name;
  std::string_view text;
  bool needs_resolved;  ///< of use only where resolved lists the servers
  bool is_started;
};

std::vector<UnitFile> unit_files() {
  return {{socket_unit, templates::dnscachectl_socket, false, true},
          {service_unit, templates::dnscachectl_service, false, true},
          {recover_unit, templates::dnscachectl_recover_service, false, false},
          {lease_path_unit, templates::dnscachectl_recover_path, true, true}};
}

std::string replaced(std::string text, std::string_view place, std::string_view value) {
  for (auto at = text.find(place); at != text.npos; at = text.find(place, at + value.size())) {
    text.replace(at, place.size(), value);
  }
  return text;
}

// The socket's lines for other addresses than the template's.
std::string with_listen(const std::string& text, const std::vector<Endpoint>& listen) {
  if (listen == default_listen()) return text;
  std::string lines;
  for (const auto& endpoint : listen) {
    lines += fmt::format("ListenDatagram={0}\nListenStream={0}\n", endpoint.to_text());
  }
  const auto first = text.find("ListenDatagram=");
  const auto last = text.find('\n', text.rfind("ListenStream=")) + 1;
  return text.substr(0, first) + lines + text.substr(last);
}

bool is_resolved_mode(ResolvConfMode mode) {
  return mode == ResolvConfMode::stub || mode == ResolvConfMode::uplink ||
         mode == ResolvConfMode::static_file;
}

bool links_to_resolved(const Facts& facts) {
  return facts.resolv_conf.state.kind == FileState::Kind::symlink &&
         facts.resolv_conf.state.content.find("systemd/resolve") != std::string::npos;
}

// Why resolved does not run, in two or three words.
std::string resolved_state(const SystemFacts& system) {
  const auto* unit = system.unit(resolved_unit);
  if (unit == nullptr || !unit->exists()) return "is not installed";
  if (unit->is_masked()) return "is masked";
  if (unit->result == "start-limit-hit") return "was started too often (start-limit-hit)";
  return unit->active_state == "failed" ? "has failed" : "is not running";
}

std::string resolved_remedy(const SystemFacts& system) {
  const auto* unit = system.unit(resolved_unit);
  if (unit == nullptr || !unit->exists()) return "choose --mode resolv-conf";
  if (unit->result == "start-limit-hit") {
    return fmt::format("run 'systemctl reset-failed {0} && systemctl start {0}'", resolved_unit);
  }
  const auto* command = unit->is_masked() ? "unmask" : "start";
  return fmt::format("run 'systemctl {} {}', or choose --mode resolv-conf", command, resolved_unit);
}

Result<void> check_system(const Facts& facts, Mode wanted) {
  const auto& system = facts.system;
  const bool wants_resolved = wanted == Mode::resolved || wanted == Mode::networkd;
  if (!system.has_systemd) {
    if (!wants_resolved) return {};
    return Error{fmt::format("--mode {} needs a machine that runs systemd", to_text(wanted))};
  }
  if (!system.bus_problem.empty()) {
    return Error{"nothing was changed, because systemd can't be asked: " + system.bus_problem};
  }
  if (!system.resolved_problem.empty()) {
    return Error{"nothing was changed: " + system.resolved_problem};
  }
  for (const auto* name : {service_unit, socket_unit}) {
    const auto* unit = system.unit(name);
    if (unit != nullptr && unit->is_masked()) {
      return Error{fmt::format("{0} is masked; run 'systemctl unmask {0}' first", name)};
    }
  }
  if (system.resolved) return {};
  const bool needs_it = wants_resolved || (wanted == Mode::automatic && links_to_resolved(facts));
  if (!needs_it) return {};
  const auto why = wants_resolved
                       ? fmt::format("--mode {} needs systemd-resolved, which", to_text(wanted))
                       : fmt::format(
                             "/etc/resolv.conf is a link to a file of systemd-resolved, "
                             "which");
  return Error{fmt::format("nothing was changed: {} {}; {}", why, resolved_state(system),
                           resolved_remedy(system))};
}

bool has_managed_link(const SystemFacts& system) {
  return std::ranges::any_of(system.links, &LinkFacts::is_managed);
}

bool has_only_managed_links(const SystemFacts& system) {
  return !system.links.empty() && std::ranges::all_of(system.links, &LinkFacts::is_managed);
}

Mode automatic_mode(const SystemFacts& system) {
  if (!system.resolved || !is_resolved_mode(system.resolved->resolv_conf_mode)) {
    return Mode::resolv_conf;
  }
  return has_only_managed_links(system) ? Mode::networkd : Mode::resolved;
}

std::string names_of_links(const SystemFacts& system, bool managed) {
  std::vector<std::string> names;
  for (const auto& link : system.links) {
    if (link.is_managed() == managed) names.push_back(link.name);
  }
  return join_words(names, "and");
}

std::string explain(const Facts& facts, const Route& route) {
  const auto& system = facts.system;
  if (!system.resolved) return {};
  const auto* mode = dbus::to_text(system.resolved->resolv_conf_mode);
  switch (route.mode) {
    case Mode::networkd:
      return fmt::format(
          "lookups go through systemd-resolved ({} mode) and systemd-networkd manages {}, so the "
          "cache goes before the servers of each link, which stay as what is asked without it",
          mode, names_of_links(system, true));
    case Mode::resolved: {
      const auto unmanaged = names_of_links(system, false);
      return fmt::format(
          "lookups go through systemd-resolved ({} mode) and {}, so the cache goes before all "
          "servers of systemd-resolved",
          mode,
          unmanaged.empty() ? "no link has servers of its own"
                            : "systemd-networkd does not manage " + unmanaged);
    }
    default:
      return {};
  }
}

Step make_step(Step::Kind kind, fs::path path, std::string text, bool is_change) {
  Step step;
  step.kind = kind;
  step.path = std::move(path);
  step.text = std::move(text);
  step.is_change = is_change;
  return step;
}

FileState state_of(const Facts& facts, const fs::path& path) {
  const auto found = facts.files.find(path);
  return found == facts.files.end() ? FileState{} : found->second;
}

Step file_step(const Facts& facts, const fs::path& path, std::string content,
               const std::string& why) {
  Step step;
  step.path = path;
  step.before = state_of(facts, path);
  step.after = FileState::regular(std::move(content));
  step.is_change = !step.before.has_same_content(step.after);
  step.text = fmt::format("{} {}{}", step.is_change ? "write" : "keep", path.string(),
                          step.is_change && !why.empty() ? ": " + why : "");
  return step;
}

/// A file with the step that makes its directory, where that is missing.
std::vector<Step> with_directory(const Facts& facts, Step file) {
  std::vector<Step> steps;
  const auto directory = file.path.parent_path();
  if (file.is_change && !facts.directories.contains(directory)) {
    steps.push_back(make_step(Step::Kind::directory, directory,
                              fmt::format("make {}", directory.string()), true));
  }
  steps.push_back(std::move(file));
  return steps;
}

// systemd hides these from the service (ProtectHome=, PrivateTmp=).
bool is_hidden_from_services(const fs::path& program) {
  const auto text = program.string();
  return std::ranges::any_of(
      std::vector<std::string>{"/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"},
      [&](const std::string& prefix) { return text.starts_with(prefix); });
}

bool comes_from_package(const SystemFacts& system, const std::string& name) {
  const auto* unit = system.unit(name);
  return unit != nullptr && !unit->file.empty() && unit->file.parent_path() != unit_directory;
}

std::vector<UnitFile> wanted_units(const Route& route) {
  auto files = unit_files();
  std::erase_if(
      files, [&](const UnitFile& file) { return file.needs_resolved && !route.uses_resolved(); });
  return files;
}

bool is_enabled(const SystemFacts& system, const std::string& name) {
  const auto* unit = system.unit(name);
  return unit != nullptr && unit->unit_file_state == "enabled";
}

std::vector<Step> link_steps(const Facts& facts, const IpAddress& cache) {
  std::vector<Step> steps;
  std::set<fs::path> drop_ins;
  const auto content = replaced(std::string(templates::networkd_conf), "@CACHE@", cache.to_text());
  for (const auto& link : facts.system.links) {
    if (!link.is_managed() || !drop_ins.insert(network_drop_in(link)).second) continue;
    const auto path = network_drop_in(link);
    for (auto& step : with_directory(
             facts, file_step(facts, path, content, "the cache comes first for its links"))) {
      steps.push_back(std::move(step));
    }
  }
  for (const auto& link : facts.system.links) {
    if (!link.is_managed()) continue;
    const bool is_first = !link.asked.empty() && link.asked.front() == cache;
    auto step =
        make_step(Step::Kind::link_servers, link.name,
                  fmt::format("ask {} first for {}", cache.to_text(), link.name), !is_first);
    step.former_servers = link.asked;
    step.servers = {cache};
    for (const auto& server : link.servers_without(cache)) step.servers.push_back(server);
    steps.push_back(std::move(step));
  }
  return steps;
}

std::string resolved_servers(const Facts& facts, const IpAddress& cache) {
  std::string servers = cache.to_text();
  for (const auto& fact : facts.upstreams) {
    const bool can_be_named =
        fact.upstream.endpoint.port == dns_port && fact.upstream.protocol != Protocol::tls;
    if (can_be_named) servers += ' ' + fact.upstream.endpoint.address.to_text();
  }
  return servers;
}

std::vector<Step> resolved_file_steps(const Facts& facts, const IpAddress& cache) {
  const fs::path path = resolved_drop_in;
  auto content =
      replaced(std::string(templates::resolved_conf), "@SERVERS@", resolved_servers(facts, cache));
  auto file = file_step(facts, path, content, "the cache comes first");
  // Once written, the list of what is asked without the cache stays as it is.
  const bool names_cache = file.before.content.find("DNS=" + cache.to_text()) != std::string::npos;
  if (names_cache) {
    file.after = file.before;
    file.is_change = false;
    file.text = "keep " + path.string();
  }
  const bool is_changed = file.is_change;
  auto steps = with_directory(facts, std::move(file));
  const auto& servers = facts.system.resolved->servers;
  const bool is_asked = std::ranges::any_of(
      servers, [&](const dbus::DnsServer& server) { return server.endpoint.address == cache; });
  steps.push_back(make_step(Step::Kind::restart_unit, resolved_unit,
                            "restart systemd-resolved, which reads its files only then",
                            is_changed || !is_asked));
  return steps;
}

}  // namespace

std::vector<UnitText> setup_units() {
  std::vector<UnitText> units;
  for (const auto& unit : unit_files()) units.push_back({unit.name, unit.text});
  return units;
}

fs::path network_drop_in(const LinkFacts& link) {
  return fs::path(network_directory) / (link.network_file.filename().string() + ".d") /
         drop_in_name;
}

bool is_network_drop_in(const fs::path& path) {
  return path.filename() == drop_in_name && path.parent_path().parent_path() == network_directory;
}

bool is_unit_file(const fs::path& path) { return path.parent_path() == unit_directory; }

std::vector<fs::path> system_files(const SystemFacts& facts) {
  std::vector<fs::path> paths{resolved_drop_in};
  for (const auto& file : unit_files()) paths.push_back(fs::path(unit_directory) / file.name);
  for (const auto& link : facts.links) {
    if (link.is_managed()) paths.push_back(network_drop_in(link));
  }
  return paths;
}

Result<Route> choose_route(const Facts& facts, Mode wanted) {
  if (const auto checked = check_system(facts, wanted); !checked) return checked.error();
  const auto& system = facts.system;
  Route route;
  route.mode = wanted == Mode::automatic ? automatic_mode(system) : wanted;
  if (route.mode == Mode::networkd && !has_managed_link(system)) {
    return Error{
        "--mode networkd needs a link with DNS servers that systemd-networkd manages; see "
        "'networkctl', or choose --mode resolved"};
  }
  route.has_units = system.has_systemd;
  route.writes_resolved = route.mode == Mode::resolved;
  route.writes_resolv_conf = route.mode == Mode::resolv_conf;
  // Without this, programs that ask systemd-resolved itself would still reach the links' servers.
  route.sets_links = system.resolved.has_value() && has_managed_link(system);
  route.why = explain(facts, route);
  return route;
}

Result<std::vector<Step>> unit_steps(const Facts& facts, const Route& route,
                                     const std::vector<Endpoint>& listen) {
  const auto& system = facts.system;
  std::vector<Step> steps;
  std::vector<std::string> disabled;
  bool is_service_changed = false, is_any_changed = false;
  for (const auto& unit : wanted_units(route)) {
    if (unit.is_started && !is_enabled(system, unit.name)) disabled.push_back(unit.name);
    // Other addresses than the package's socket has need one of our own, which counts more.
    const bool is_other_socket =
        unit.name == std::string_view(socket_unit) && listen != default_listen();
    if (comes_from_package(system, unit.name) && !is_other_socket) continue;
    auto text = replaced(std::string(unit.text), "@DNSCACHECTL@", facts.program.string());
    if (unit.name == std::string_view(socket_unit)) text = with_listen(text, listen);
    auto step = file_step(facts, fs::path(unit_directory) / unit.name, text, "");
    is_any_changed = is_any_changed || step.is_change;
    if (unit.name == std::string_view(service_unit)) {
      is_service_changed = step.is_change;
      if (step.is_change && is_hidden_from_services(facts.program)) {
        return Error{
            fmt::format("services can't see {}: copy the program to /usr/local/bin and "
                        "run setup from there",
                        facts.program.string())};
      }
    }
    steps.push_back(std::move(step));
  }
  if (is_any_changed) {
    steps.push_back(make_step(Step::Kind::reload_units, "", "make systemd read its units", true));
  }
  auto enable = make_step(
      Step::Kind::enable_units, "units",
      disabled.empty() ? "the units are enabled" : "enable " + join_words(disabled, "and"),
      !disabled.empty());
  enable.names = disabled;
  steps.push_back(std::move(enable));
  for (const auto& unit : wanted_units(route)) {
    if (!unit.is_started) continue;
    const bool is_active = system.is_active(unit.name);
    const bool restarts =
        is_active && is_service_changed && unit.name == std::string_view(service_unit);
    steps.push_back(make_step(restarts ? Step::Kind::restart_unit : Step::Kind::start_unit,
                              unit.name,
                              restarts    ? fmt::format("restart {}", unit.name)
                              : is_active ? fmt::format("{} is active", unit.name)
                                          : fmt::format("start {}", unit.name),
                              restarts || !is_active));
  }
  return steps;
}

std::vector<Step> resolved_steps(const Facts& facts, const Route& route, const IpAddress& cache) {
  std::vector<Step> steps;
  const auto add = [&](std::vector<Step> more) {
    for (auto& step : more) steps.push_back(std::move(step));
  };
  if (route.sets_links) add(link_steps(facts, cache));
  if (route.writes_resolved) add(resolved_file_steps(facts, cache));
  return steps;
}

}  // namespace dnscache::cli
