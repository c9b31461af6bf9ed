#include <fmt/format.h>

#include "cli/host/facts.hpp"
#include "resolver/base/text.hpp"
#include "resolver/config/resolv_conf.hpp"

namespace dnscache::cli {

namespace {

/// One fact under its heading.
struct Line {
  const char* key;
  std::string text;
};

std::string resolv_conf_in_words(const ResolvConfFacts& facts) {
  std::string text = "a file";
  if (facts.state.kind == FileState::Kind::absent) return "missing";
  if (facts.state.kind == FileState::Kind::symlink) text = "a link to " + facts.state.content;
  if (facts.is_mount) text += ", mounted";
  if (facts.is_immutable) text += ", immutable";
  std::vector<std::string> servers;
  for (const auto& server : parse_resolv_conf(facts.content).nameservers) {
    servers.push_back(server.address.to_text());
  }
  return text + (servers.empty() ? ", names no server" : ", names " + join_words(servers, "and"));
}

std::string unit_in_words(const SystemFacts& system, const char* name) {
  const auto* unit = system.unit(name);
  if (unit == nullptr || !unit->exists()) return "not installed";
  if (unit->is_masked()) return "masked";
  return unit->unit_file_state.empty()
             ? unit->active_state
             : fmt::format("{}, {}", unit->active_state, unit->unit_file_state);
}

std::string link_in_words(const LinkFacts& link) {
  std::vector<std::string> servers;
  for (const auto& address : link.servers) servers.push_back(address.to_text());
  auto text = fmt::format("{}: asks {}", link.name, join_words(servers, "and"));
  std::vector<std::string> domains;
  for (const auto& domain : link.domains) {
    domains.push_back((domain.route_only ? "~" : "") + domain.name);
  }
  if (!domains.empty()) text += ", for " + join_words(domains, "and");
  return text + (link.default_route ? ", for all other names" : "");
}

std::vector<Line> lines_of(const Facts& facts) {
  std::vector<Line> lines = {{"resolv.conf", resolv_conf_in_words(facts.resolv_conf)}};
  const auto& system = facts.system;
  if (!system.nss_hosts.empty()) {
    std::string hosts;
    for (const auto& service : system.nss_hosts) hosts += (hosts.empty() ? "" : " ") + service;
    lines.push_back({"nsswitch", hosts});
  }
  if (!system.has_systemd) {
    lines.push_back({"systemd", "is not the service manager here"});
  } else if (!system.bus_problem.empty()) {
    lines.push_back({"systemd", system.bus_problem});
  } else {
    auto resolved = unit_in_words(system, resolved_unit);
    if (system.resolved) {
      resolved += fmt::format(
          ", {} mode", dbus::resolv_conf_mode_words.print(system.resolved->resolv_conf_mode));
    }
    if (!system.resolved_problem.empty()) resolved += ", " + system.resolved_problem;
    lines.push_back({"resolved", resolved});
    lines.push_back({"networkd", unit_in_words(system, "systemd-networkd.service")});
    lines.push_back({"NetworkManager", unit_in_words(system, "NetworkManager.service")});
    lines.push_back(
        {"cache units",
         fmt::format("service {}; socket {}; source {}", unit_in_words(system, service_unit),
                     unit_in_words(system, socket_unit), unit_in_words(system, source_unit))});
    for (const auto& link : system.links) lines.push_back({"link", link_in_words(link)});
  }
  if (!facts.container.empty()) lines.push_back({"container", facts.container});
  for (const auto& holder : facts.port_holders) {
    lines.push_back({"port 53", fmt::format("{}/{}: {}", holder.endpoint.to_text(), holder.protocol,
                                            holder.process.empty() ? "?" : holder.process)});
  }
  for (const auto& fact : facts.upstreams) {
    lines.push_back({"upstream", fact.upstream.endpoint.to_text() +
                                     (fact.answers ? ", answers" : ", does not answer")});
  }
  return lines;
}

}  // namespace

std::string to_text(const Facts& facts) {
  std::string out;
  for (const auto& line : lines_of(facts)) out += fmt::format("{:<15} {}\n", line.key, line.text);
  return out;
}

nlohmann::json to_json(const Facts& facts) {
  auto object = nlohmann::json::object();
  for (const auto& line : lines_of(facts)) object[line.key].push_back(line.text);
  return object;
}

}  // namespace dnscache::cli
