#include "cli/host/systemd/plan.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "cli/host/source_resolvconf.hpp"
#include "cli/host/system_user.hpp"
#include "cli/host/systemd/unit_links.hpp"
#include "cli/host/virtual_link.hpp"
#include "cli/show/fill.hpp"
#include "resolver/base/text.hpp"
#include "resolver/config/resolv_conf.hpp"
#include "templates/templates.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;
using dbus::ResolvConfMode;

constexpr const char* config_path = "/etc/dnscachectl/config.yaml";
constexpr const char* network_directory = "/etc/systemd/network";
constexpr const char* dhclient_config = "/etc/dhcp/dhclient.conf";
constexpr const char* drop_in_name = "50-dnscachectl.conf";

/// A unit file and when it is started.
struct UnitFile {
  const char* name;
  std::string_view text;
  bool is_source = false;      ///< started only once the engine has been tried
  bool is_first_boot = false;  ///< finishes the setup of an image
};

std::vector<UnitFile> unit_files() {
  return {{socket_unit, templates::dnscachectl_socket},
          {service_unit, templates::dnscachectl_service},
          {source_unit, templates::dnscachectl_source_service, true},
          {setup_unit, templates::dnscachectl_setup_service, false, true}};
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
  const bool wants_resolved = wanted == Mode::resolved || wanted == Mode::link;
  if (!system.has_systemd) {
    if (!wants_resolved) return {};
    return Error{
        fmt::format("--mode {} needs a machine that runs systemd", mode_words.print(wanted))};
  }
  if (!system.bus_problem.empty()) {
    return Error{"nothing was changed, because systemd cannot be asked: " + system.bus_problem};
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
  const auto why = wants_resolved ? fmt::format("--mode {} needs systemd-resolved, which",
                                                mode_words.print(wanted))
                                  : fmt::format(
                                        "/etc/resolv.conf is a link to a file of systemd-resolved, "
                                        "which");
  return Error{fmt::format("nothing was changed: {} {}; {}", why, resolved_state(system),
                           resolved_remedy(system))};
}

Mode automatic_mode(const SystemFacts& system) {
  if (!system.manager.empty()) return Mode::manager;
  if (!system.resolved || !is_resolved_mode(system.resolved->resolv_conf_mode)) {
    return Mode::resolv_conf;
  }
  return system.can_make_link ? Mode::link : Mode::resolved;
}

std::string explain(const Facts& facts, const Route& route) {
  const auto& system = facts.system;
  if (route.mode == Mode::manager) {
    return fmt::format(
        "{} writes /etc/resolv.conf, so the cache becomes one more of its sources, the first; all "
        "others stay listed after it",
        system.manager);
  }
  if (!system.resolved) return {};
  const auto mode = dbus::resolv_conf_mode_words.print(system.resolved->resolv_conf_mode);
  if (route.mode == Mode::link) {
    return fmt::format(
        "lookups go through systemd-resolved ({} mode), so the cache becomes the server of an "
        "interface of its own, {}, that all names are asked at; every other interface keeps its "
        "servers and domains",
        mode, own_link_name);
  }
  if (route.mode != Mode::resolved) return {};
  return fmt::format(
      "lookups go through systemd-resolved ({} mode), so its configuration names the cache for all "
      "names, and names nobody while the cache does not run; systemd-resolved is restarted for "
      "both",
      mode);
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
  std::erase_if(files, [&](const UnitFile& file) {
    return (file.is_source && !route.has_source) || (file.is_first_boot && !route.is_image);
  });
  return files;
}

bool is_enabled(const SystemFacts& system, const std::string& name) {
  const auto* unit = system.unit(name);
  return unit != nullptr && unit->unit_file_state == "enabled";
}

// In its own list resolved puts global servers before those of links, but links in no order
// (systemd issue 27543): only a global one is surely the first that glibc reads there.
// With Domains=~. of the administrator's the global servers are asked for all names.
bool needs_resolved_file(const Facts& facts, const Route& route) {
  if (route.mode == Mode::resolved) return true;
  const auto& configured = facts.system.configured;
  return route.mode == Mode::link &&
         (facts.system.resolved->resolv_conf_mode == ResolvConfMode::uplink ||
          (configured.takes_all() && !configured.servers.empty()));
}

std::vector<Step> resolved_file_steps(const Facts& facts, const Route& route,
                                      const IpAddress& cache) {
  // DNS= lines add up; those that come before ours are taken back and said again after the cache.
  std::string others;
  for (const auto& server : facts.system.configured.servers) others += ' ' + server;
  const auto text = fill(templates::resolved_conf,
                         {{"CACHE", cache.to_text()},
                          {"RESET", others.empty() ? "" : "DNS=\n"},
                          {"OTHERS", others},
                          {"DOMAINS", route.mode == Mode::resolved ? "Domains=~.\n" : ""}});
  auto file = file_step(facts, resolved_drop_in, text, "the cache comes first in its list");
  const bool is_changed = file.is_change;
  auto steps = with_directory(facts, std::move(file));
  steps.push_back(make_step(Step::Kind::restart_unit, resolved_unit,
                            "restart systemd-resolved, which reads its files only then",
                            is_changed || !facts.system.resolved->has_server(cache)));
  return steps;
}

// The four settings of our interface, as somebody may have changed them by resolvectl.
bool is_link_right(const SystemFacts& system, const IpAddress& cache) {
  const auto& link = system.own_link;
  return link && link->servers.size() == 1 && link->servers.front().endpoint.address == cache &&
         link->domains.size() == 1 && link->domains.front().name == "." && !link->default_route;
}

Step user_step(const SystemFacts& system) {
  return make_step(Step::Kind::make_user, system_user,
                   fmt::format("{} the system user {}{}", system.has_user ? "keep" : "add",
                               system_user, system.has_user ? "" : ", which the cache runs as"),
                   !system.has_user);
}

Step enable_step(const std::vector<std::string>& disabled) {
  auto step = make_step(
      Step::Kind::enable_units, "units",
      disabled.empty() ? "the units are enabled" : "enable " + join_words(disabled, "and"),
      !disabled.empty());
  step.names = disabled;
  return step;
}

bool is_first_in_file(const Facts& facts, const IpAddress& cache) {
  const auto servers = parse_resolv_conf(facts.resolv_conf.content).nameservers;
  return !servers.empty() && servers.front().address == cache;
}

// A line of ours at the end of a file that somebody else has written.
Step setting_step(const Facts& facts, const fs::path& path, std::string content,
                  const std::string& why) {
  auto step = file_step(facts, path, std::move(content), why);
  if (step.before.kind == FileState::Kind::regular) {
    auto content_after = std::move(step.after.content);
    step.after = step.before;
    step.after.content = std::move(content_after);
    step.after.modified = {};
  }
  return step;
}

std::vector<Step> manager_file_steps(const Facts& facts, const Route& route,
                                     const IpAddress& cache) {
  const auto& manager = facts.system.manager;
  if (route.mode == Mode::manager && manager != "NetworkManager") {
    const auto setting = resolvconf_setting(manager == "openresolv");
    return {setting_step(facts, setting.file,
                         with_setting(state_of(facts, setting.file).content, setting),
                         "other servers stay listed after the cache")};
  }
  if (!route.writes_resolv_conf || !facts.system.has_dhclient) return {};
  const ResolvconfSetting setting{
      dhclient_config, fmt::format("prepend domain-name-servers {};\n", cache.to_text())};
  return {setting_step(facts, dhclient_config,
                       with_setting(state_of(facts, dhclient_config).content, setting),
                       "the cache comes first in each lease")};
}

Step source_step(const Facts& facts, const Route& route, const IpAddress& cache) {
  const auto& system = facts.system;
  const bool is_active = system.is_active(source_unit);
  const bool is_right =
      is_active && (route.mode == Mode::resolved ? system.resolved->has_server(cache)
                    : system.resolved            ? is_link_right(system, cache)
                                                 : is_first_in_file(facts, cache));
  return make_step(is_active && !is_right ? Step::Kind::restart_unit : Step::Kind::start_unit,
                   source_unit,
                   is_right ? "the cache is the first server of all names"
                            : "make the cache the first server of all names",
                   !is_right);
}

// What of the administrator's resolved.conf would not hold with the cache in between.
Result<void> check_resolved_settings(const Facts& facts, const Route& route) {
  if (!route.uses_resolved() || !facts.system.resolved) return {};
  const auto& resolved = *facts.system.resolved;
  const bool validates = facts.config && facts.config->dnssec.mode == DnssecMode::validate;
  if (resolved.dnssec == "yes" && !validates) {
    return Error{fmt::format(
        "nothing was changed, because systemd-resolved validates (DNSSEC=yes) and would not "
        "validate what the cache says; write 'dnssec: {{mode: validate}}' into {}, then the cache "
        "does it",
        config_path)};
  }
  if (resolved.dns_over_tls == "yes" && needs_resolved_file(facts, route)) {
    return Error{
        "nothing was changed, because systemd-resolved has DNSOverTLS=yes for its global servers, "
        "and the cache would be one; set it for each link instead (systemd.network(5)), or choose "
        "--mode resolv-conf"};
  }
  const auto& configured = facts.system.configured;
  if (configured.takes_all() && configured.servers.empty() && needs_resolved_file(facts, route)) {
    return Error{
        "nothing was changed, because resolved.conf says Domains=~. without a server, and the "
        "cache "
        "would be the only one for all names; take Domains=~. out, which has no effect, or choose "
        "--mode resolv-conf"};
  }
  if (route.mode == Mode::resolved && !configured.servers.empty()) {
    return Error{fmt::format(
        "nothing was changed, because --mode resolved would hide the servers that {} names ({}); "
        "choose --mode link",
        configured.servers_file.string(), join_words(configured.servers, "and"))};
  }
  return {};
}

}  // namespace

std::vector<UnitText> setup_units() {
  std::vector<UnitText> units;
  for (const auto& unit : unit_files()) units.push_back({unit.name, unit.text});
  return units;
}

bool is_network_drop_in(const fs::path& path) {
  return path.filename() == drop_in_name && path.parent_path().parent_path() == network_directory;
}

bool is_unit_file(const fs::path& path) { return path.parent_path() == unit_directory; }

std::vector<fs::path> setting_files() {
  return {resolvconf_setting(false).file, resolvconf_setting(true).file, dhclient_config};
}

std::vector<fs::path> system_files() {
  auto paths = setting_files();
  paths.emplace_back(resolved_drop_in);
  for (const auto& file : unit_files()) paths.push_back(fs::path(unit_directory) / file.name);
  return paths;
}

Result<Route> choose_route(const Facts& facts, Mode wanted) {
  if (const auto checked = check_system(facts, wanted); !checked) return checked.error();
  const auto& system = facts.system;
  Route route;
  route.mode = wanted == Mode::automatic ? automatic_mode(system) : wanted;
  if (route.mode == Mode::link && !system.can_make_link) {
    return Error{
        "this kernel has no dummy, ifb or bridge interfaces, which --mode link needs; choose "
        "--mode resolved"};
  }
  if (route.mode == Mode::manager && system.manager.empty()) {
    return Error{
        "--mode manager needs NetworkManager, resolvconf or openresolv, and none of them writes "
        "/etc/resolv.conf here; choose --mode resolv-conf"};
  }
  route.has_units = system.has_systemd;
  route.writes_resolved = needs_resolved_file(facts, route);
  route.writes_resolv_conf = route.mode == Mode::resolv_conf;
  // Also beside a resolv.conf of ours: some programs ask systemd-resolved itself.
  route.has_source = route.mode == Mode::manager || route.mode == Mode::resolved ||
                     (system.resolved.has_value() && system.can_make_link);
  if (const auto checked = check_resolved_settings(facts, route); !checked) {
    return checked.error();
  }
  route.why = explain(facts, route);
  return route;
}

Result<std::vector<Step>> unit_steps(const Facts& facts, const Route& route,
                                     const std::vector<Endpoint>& listen) {
  const auto& system = facts.system;
  std::vector<Step> steps;
  std::vector<std::string> disabled;
  bool is_service_changed = false, is_any_changed = false;
  if (!route.is_image) steps.push_back(user_step(system));  // an image's machine does it itself
  for (const auto& unit : wanted_units(route)) {
    if (!unit.is_source && !is_enabled(system, unit.name)) disabled.push_back(unit.name);
    // Other addresses than the package's socket has need one of our own, which counts more.
    const bool is_other_socket =
        unit.name == std::string_view(socket_unit) && listen != default_listen();
    if (comes_from_package(system, unit.name) && !is_other_socket) continue;
    auto text = fill(unit.text, {{"DNSCACHECTL", facts.program.string()}});
    if (unit.name == std::string_view(socket_unit)) text = with_listen(text, listen);
    auto step = file_step(facts, fs::path(unit_directory) / unit.name, text, "");
    is_any_changed = is_any_changed || step.is_change;
    if (unit.name == std::string_view(service_unit)) {
      is_service_changed = step.is_change;
      if (step.is_change && is_hidden_from_services(facts.program)) {
        return Error{
            fmt::format("services cannot see {}: copy the program to /usr/local/bin and "
                        "run setup from there",
                        facts.program.string())};
      }
    }
    steps.push_back(std::move(step));
  }
  if (route.is_image) {
    steps.push_back(enable_step(disabled));
    return steps;
  }
  if (is_any_changed) {
    steps.push_back(make_step(Step::Kind::reload_units, "", "make systemd read its units", true));
  }
  steps.push_back(enable_step(disabled));
  for (const auto& unit : wanted_units(route)) {
    if (unit.is_source) continue;
    const bool is_active = system.is_active(unit.name);
    const bool restarts = is_active && (is_service_changed || !system.has_user) &&
                          unit.name == std::string_view(service_unit);
    steps.push_back(make_step(restarts ? Step::Kind::restart_unit : Step::Kind::start_unit,
                              unit.name,
                              restarts    ? fmt::format("restart {}", unit.name)
                              : is_active ? fmt::format("{} is active", unit.name)
                                          : fmt::format("start {}", unit.name),
                              restarts || !is_active));
  }
  return steps;
}

std::vector<Step> source_steps(const Facts& facts, const Route& route, const IpAddress& cache) {
  std::vector<Step> steps;
  if (route.writes_resolved) steps = resolved_file_steps(facts, route, cache);
  for (auto& step : manager_file_steps(facts, route, cache)) steps.push_back(std::move(step));
  if (!route.has_source) return steps;
  // The service starts it as well, so it is enabled only once the engine has been tried.
  if (!is_enabled(facts.system, source_unit)) steps.push_back(enable_step({source_unit}));
  steps.push_back(source_step(facts, route, cache));
  return steps;
}

}  // namespace dnscache::cli
