#include "cli/doctor.hpp"

#include <unistd.h>

#include <algorithm>
#include <fmt/format.h>

#include "cli/host/apply.hpp"
#include "cli/host/system_actions.hpp"
#include "cli/status.hpp"
#include "resolver/config/resolv_conf.hpp"
#include "resolver/config/text.hpp"
#include "resolver/config/text_file.hpp"
#include "resolver/config/values.hpp"

namespace dnscache::cli {

namespace {

constexpr const char* setup_command = "dnscachectl setup";
constexpr std::size_t many_search_domains = 3;

using Findings = std::vector<Finding>;

void add_good(Findings& findings, const char* check, std::string detail) {
  findings.push_back({check, true, std::move(detail), ""});
}

void add_bad(Findings& findings, const char* check, std::string detail, std::string remedy) {
  findings.push_back({check, false, std::move(detail), std::move(remedy)});
}

std::vector<Endpoint> listen_of(const Facts& facts) {
  if (facts.engine) return facts.engine->listen;
  return facts.config ? facts.config->listen : default_listen();
}

void check_config(Findings& findings, const Facts& facts) {
  if (facts.config_problem.empty()) return;
  add_bad(findings, "configuration", facts.config_problem, "dnscachectl check");
}

void check_units(Findings& findings, const Facts& facts) {
  const auto& system = facts.system;
  if (!system.has_systemd) return;
  if (!system.bus_problem.empty()) {
    return add_bad(findings, "D-Bus", system.bus_problem, "systemctl start dbus");
  }
  for (const auto* name : {socket_unit, service_unit}) {
    const auto* unit = system.unit(name);
    if (unit == nullptr || !unit->exists()) continue;
    if (unit->is_masked()) {
      add_bad(findings, "unit", fmt::format("{} is masked", name),
              fmt::format("systemctl unmask {}", name));
    } else if (!unit->is_active()) {
      add_bad(findings, "unit", fmt::format("{} is {}", name, unit->active_state),
              fmt::format("systemctl start {}", name));
    } else if (unit->unit_file_state != "enabled") {
      add_bad(findings, "unit", fmt::format("{} does not start at boot", name),
              fmt::format("systemctl enable {}", name));
    } else if (unit->needs_daemon_reload) {
      add_bad(findings, "unit", fmt::format("{} was changed on disk since it was read", name),
              "systemctl daemon-reload");
    } else {
      add_good(findings, "unit", fmt::format("{} is active and enabled", name));
    }
  }
}

void check_engine(Findings& findings, const Facts& facts, const Examination& examination) {
  if (facts.engine) {
    return add_good(findings, "engine",
                    fmt::format("process {} answers, up {}", facts.engine->pid,
                                format_uptime(facts.engine->uptime_seconds)));
  }
  for (const auto& holder : facts.port_holders) {
    const auto listen = listen_of(facts);
    const bool is_ours = facts.system.is_active(socket_unit) && holder.pid == 1;
    if (is_ours || std::ranges::find(listen, holder.endpoint) == listen.end()) continue;
    return add_bad(
        findings, "port 53",
        fmt::format("{} is taken by {} (process {})", holder.endpoint.to_text(),
                    holder.process.empty() ? "another process" : holder.process, holder.pid),
        fmt::format("stop {}, then '{}'", holder.process, setup_command));
  }
  const bool has_unit =
      facts.system.unit(service_unit) != nullptr && facts.system.unit(service_unit)->exists();
  add_bad(findings, "engine",
          examination.is_set_up ? "does not answer on its control socket" : "is not set up",
          has_unit ? fmt::format("systemctl restart {}", service_unit) : setup_command);
}

void check_stage(Findings& findings, const char* check, const std::optional<Lookup>& lookup,
                 const char* remedy) {
  if (!lookup) return;
  const auto detail = fmt::format("{} in {}", to_text(lookup->outcome),
                                  format_milliseconds(lookup->duration.count()));
  if (lookup->is_answer()) return add_good(findings, check, detail);
  add_bad(findings, check, detail, remedy);
}

void check_path(Findings& findings, const Facts& facts) {
  auto path = lookup_path(facts.resolv_conf.content, listen_of(facts));
  follow_stub(path, facts.system, listen_of(facts));
  const auto detail = "lookups " + path.in_words();
  if (path.is_through_cache && !path.rotates) return add_good(findings, "path", detail);
  add_bad(findings, "path", detail, setup_command);
}

// A link whose own servers come first is asked past the cache, or beside it.
void check_links(Findings& findings, const Facts& facts) {
  if (!facts.system.is_active(service_unit)) return;
  for (const auto& link : facts.system.links) {
    if (link.asked.empty() || !link.is_managed()) continue;
    if (reaches_us({link.asked.front(), dns_port}, listen_of(facts))) {
      add_good(findings, "link", fmt::format("{} asks the cache first", link.name));
    } else {
      add_bad(
          findings, "link",
          fmt::format("{} asks {} instead of the cache", link.name, link.asked.front().to_text()),
          setup_command);
    }
  }
}

void check_nsswitch(Findings& findings, const Facts& facts) {
  const auto& services = facts.system.nss_hosts;
  if (services.empty()) return;
  const auto has = [&](const char* name) { return std::ranges::count(services, name) > 0; };
  if (has("dns") || (has("resolve") && facts.system.resolved)) {
    return add_good(findings, "nsswitch", "programs use the DNS");
  }
  add_bad(findings, "nsswitch", "the hosts line of /etc/nsswitch.conf has neither dns nor resolve",
          "add 'dns' to the hosts line of /etc/nsswitch.conf");
}

void check_upstreams(Findings& findings, const Facts& facts) {
  for (const auto& fact : facts.upstreams) {
    const auto name = fact.upstream.endpoint.to_text();
    if (fact.answers) {
      add_good(findings, "upstream", name + " answers");
    } else {
      add_bad(findings, "upstream", name + " does not answer",
              fmt::format("check the network, or take {} out of the servers", name));
    }
  }
  if (!facts.upstreams.empty()) return;
  add_bad(findings, "upstream", "no server to ask is known",
          "name one under upstreams: in /etc/dnscachectl/config.yaml");
}

void check_files(Findings& findings, const Examination& examination) {
  for (const auto& path : examination.changed_files) {
    add_bad(findings, "files", path + " was changed since setup wrote it", setup_command);
  }
}

// Docker leaves loopback name servers out and takes 8.8.8.8 where nothing is left.
void check_docker(Findings& findings, const Facts& facts, const Examination& examination) {
  if (!examination.has_docker) return;
  const auto servers = parse_resolv_conf(facts.resolv_conf.content).nameservers;
  const bool drops_all = std::ranges::all_of(
      servers, [](const Endpoint& server) { return server.address.is_loopback(); });
  const bool reads_resolved = facts.system.resolved.has_value();
  if (!drops_all || reads_resolved ||
      examination.docker_config.find("\"dns\"") != std::string::npos) {
    return;
  }
  const auto fallback = facts.upstreams.empty()
                            ? std::string("ADDRESS")
                            : facts.upstreams.front().upstream.endpoint.address.to_text();
  add_bad(findings, "docker", "containers will ask a public server: docker drops 127.0.0.1",
          fmt::format("put \"dns\": [\"{}\"] into /etc/docker/daemon.json", fallback));
}

void check_search(Findings& findings, const Facts& facts) {
  const auto parsed = parse_resolv_conf(facts.resolv_conf.content);
  if (parsed.search.size() < many_search_domains) return;
  const bool has_ndots = std::ranges::any_of(parsed.options, [](const std::string& option) {
    return option.starts_with("ndots:") && option != "ndots:1" && option != "ndots:0";
  });
  if (!has_ndots) return;
  add_bad(findings, "search",
          fmt::format("{} search domains and ndots: most lookups ask {} questions",
                      parsed.search.size(), parsed.search.size() + 1),
          "write full names with a final dot, or lower ndots in /etc/resolv.conf");
}

std::vector<Finding> problems_of(const Findings& findings) {
  Findings bad;
  std::ranges::copy_if(findings, std::back_inserter(bad),
                       [](const Finding& finding) { return !finding.is_good; });
  return bad;
}

Stages look_up_everywhere(const Facts& facts, const std::string& name) {
  Stages stages;
  constexpr Patience patience{.timeout_seconds = 5, .attempts = 1};
  const ProbeQuestion question{name, ns_t_a};
  if (facts.engine && !facts.engine->listen.empty()) {
    auto resolver = StubResolver::with_servers({reachable(facts.engine->listen.front())}, patience);
    if (resolver) stages.cache = resolver->ask(name, question.type);
  }
  if (facts.system.resolved) {
    const auto begin = std::chrono::steady_clock::now();
    const auto found = look_up_through_resolved(question);
    Lookup lookup;
    lookup.outcome = found ? Outcome::answered : Outcome::failed;
    lookup.duration = std::chrono::steady_clock::now() - begin;
    stages.resolved = lookup;
  }
  if (auto resolver = StubResolver::of_this_machine()) {
    stages.program = resolver->ask(name, question.type);
  }
  return stages;
}

Examination examine(const Facts& facts, const std::string& name) {
  Examination examination;
  examination.stages = look_up_everywhere(facts, name);
  if (const auto journal = Journal::peek({})) {
    examination.is_set_up = !journal->is_empty();
    if (const auto changed = changed_since(*journal, {})) {
      for (const auto& entry : *changed) {
        // The configuration is the administrator's own.
        if (entry.path != default_config_path) {
          examination.changed_files.push_back(entry.path.string());
        }
      }
    }
  }
  std::error_code ignored;
  examination.has_docker = std::filesystem::exists("/run/docker.sock", ignored) ||
                           std::filesystem::exists("/etc/docker", ignored);
  if (const auto text = read_text_file("/etc/docker/daemon.json")) {
    examination.docker_config = *text;
  }
  return examination;
}

void print_findings(const Findings& findings, const Terminal& terminal) {
  for (const auto& finding : findings) {
    const auto mark = finding.is_good ? styled(terminal, Style::good, "ok     ")
                                      : styled(terminal, Style::bad, "PROBLEM");
    print(fmt::format("{}  {:<13} {}\n", mark, finding.check, finding.detail));
    if (!finding.is_good) print(fmt::format("         {:<13} {}\n", "mend it:", finding.remedy));
  }
}

nlohmann::json findings_as_json(const Findings& findings) {
  auto rows = nlohmann::json::array();
  for (const auto& finding : findings) {
    nlohmann::json row = {
        {"check", finding.check}, {"ok", finding.is_good}, {"detail", finding.detail}};
    if (!finding.is_good) row["remedy"] = finding.remedy;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

std::vector<Finding> diagnose(const Facts& facts, const Examination& examination) {
  Findings findings;
  check_nsswitch(findings, facts);
  check_path(findings, facts);
  check_stage(findings, "as programs", examination.stages.program, setup_command);
  check_links(findings, facts);
  check_stage(findings, "resolved", examination.stages.resolved,
              "systemctl restart systemd-resolved");
  check_units(findings, facts);
  check_engine(findings, facts, examination);
  check_stage(findings, "cache", examination.stages.cache, "dnscachectl status");
  check_config(findings, facts);
  check_upstreams(findings, facts);
  check_files(findings, examination);
  check_docker(findings, facts, examination);
  check_search(findings, facts);
  return findings;
}

Result<ExitCode> run_doctor(const DoctorOptions& options) {
  Findings findings;
  {
    Progress progress("examining this machine's lookups", options.is_json);
    auto facts = read_facts({});
    if (!facts) return facts.error();
    if (const auto engine = engine_status(control_path(options.control))) facts->engine = *engine;
    findings = diagnose(*facts, examine(*facts, options.name));
  }
  const auto problems = problems_of(findings);
  if (options.is_json) {
    print_json({{"schema", 1}, {"ok", problems.empty()}, {"findings", findings_as_json(findings)}});
  } else {
    print_findings(findings, Terminal::of(STDOUT_FILENO));
  }
  return problems.empty() ? ExitCode::done : ExitCode::check_failed;
}

}  // namespace dnscache::cli
