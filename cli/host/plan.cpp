#include "cli/host/plan.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "cli/host/container_plan.hpp"
#include "cli/host/image.hpp"
#include "cli/host/journal.hpp"
#include "cli/host/lookup_path.hpp"
#include "cli/host/resolv_conf.hpp"
#include "cli/host/resolv_conf_author.hpp"
#include "cli/host/systemd/plan.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/text.hpp"
#include "resolver/config/resolv_conf.hpp"
#include "resolver/config/upstreams_from.hpp"
#include "resolver/config/values.hpp"

namespace dnscache::cli {

namespace {

const std::filesystem::path config_path = default_config_path;

/// The values that several steps share.
struct Decision {
  std::vector<Endpoint> listen;
  IpAddress cache;
};

bool conflicts(const Endpoint& wanted, const Endpoint& held) {
  if (wanted.port != held.port) return false;
  if (wanted.address.is_unspecified() || held.address.is_unspecified()) {
    return wanted.address.is_v6 == held.address.is_v6 || held.address.is_unspecified();
  }
  return wanted.address == held.address;
}

Result<void> check_ports(const Facts& facts, const std::vector<Endpoint>& listen) {
  if (facts.system.is_active(socket_unit)) return {};  // systemd holds them for us
  for (const auto& wanted : listen) {
    for (const auto& holder : facts.port_holders) {
      if (!conflicts(wanted, holder.endpoint)) continue;
      const auto who = holder.process.empty()
                           ? std::string("another process")
                           : fmt::format("{} (process {})", holder.process, holder.pid);
      return Error{
          fmt::format("{} is taken: {} listens on {}/{}; stop it, or choose another "
                      "address as in --listen 127.0.0.2",
                      wanted.to_text(), who, holder.endpoint.to_text(), holder.protocol)};
    }
  }
  return {};
}

Result<void> check_engine(const Facts& facts, const Route& route, const IpAddress& cache) {
  const auto& engine = *facts.engine;
  if (route.has_units && !facts.system.is_active(service_unit)) {
    return Error{
        fmt::format("an engine (process {}) runs already, but not under systemd; stop it first, or "
                    "run 'dnscachectl remove' if setup started it",
                    engine.pid)};
  }
  const bool is_there = std::ranges::any_of(engine.listen, [&](const Endpoint& listen) {
    return listen.port == dns_port && (listen.address == cache || listen.address.is_unspecified());
  });
  if (is_there) return {};
  return Error{fmt::format("an engine (process {}) runs already, but not on {}:53; stop it first",
                           engine.pid, cache.to_text())};
}

Result<void> check_upstreams(const Facts& facts) {
  if (facts.upstreams.empty()) {
    return Error{
        "no server to ask is known: /etc/resolv.conf names none but the cache itself; "
        "name one with --upstream ADDRESS"};
  }
  if (std::ranges::any_of(facts.upstreams, &UpstreamFact::answers)) return {};
  std::vector<std::string> names;
  for (const auto& fact : facts.upstreams) names.push_back(fact.upstream.endpoint.to_text());
  return Error{
      fmt::format("nothing was changed, because no upstream answers ({}); try again when "
                  "the network works, or name another with --upstream ADDRESS",
                  join_words(names, "and"))};
}

Result<void> check_config(const Facts& facts, const PlanRequest& request) {
  if (!facts.config_problem.empty()) {
    return Error{fmt::format("{}; see 'dnscachectl check'", facts.config_problem),
                 ExitCode::check_failed};
  }
  if (!facts.config) return {};
  if (request.imported) {
    if (*facts.config == *request.imported) return {};
    return Error{
        fmt::format("{} is there already and says something else than the imported file; "
                    "move it away first",
                    config_path.string())};
  }
  const bool differs =
      (!request.upstreams.empty() && request.upstreams != facts.config->upstreams) ||
      (!request.routes.empty() && request.routes != facts.config->routes) ||
      (!request.listen.empty() && request.listen != facts.config->listen);
  if (!differs) return {};
  return Error{
      fmt::format("{} is there already and says something else than --upstream, "
                  "--route or --listen; 'dnscachectl config set' changes it",
                  config_path.string())};
}

Result<IpAddress> cache_address(const std::vector<Endpoint>& listen) {
  const auto found = std::ranges::find(listen, dns_port, &Endpoint::port);
  if (found != listen.end()) return reachable(*found).address;
  return Error{
      "resolv.conf cannot name a port, so the cache must listen on port 53 of some address"};
}

// Where resolv.conf names no server itself: one that works, so that there is a spare.
std::optional<IpAddress> choose_fallback(const Facts& facts) {
  const UpstreamFact* best = nullptr;
  const auto rank = [](const UpstreamFact& fact) {
    return 2 * static_cast<int>(fact.answers) + static_cast<int>(fact.is_in_resolv_conf);
  };
  for (const auto& fact : facts.upstreams) {
    const bool can_be_named =
        fact.upstream.endpoint.port == dns_port && fact.upstream.protocol != Protocol::tls;
    if (can_be_named && (best == nullptr || rank(fact) > rank(*best))) best = &fact;
  }
  return best != nullptr ? std::optional(best->upstream.endpoint.address) : std::nullopt;
}

Step directory_step(const Facts& facts) {
  Step step;
  step.kind = Step::Kind::directory;
  step.path = config_path.parent_path();
  step.text = fmt::format("make {}", step.path.string());
  step.is_change = !facts.has_config_directory;
  return step;
}

// Whoever keeps the file up to date that /etc/resolv.conf links to goes on, and is followed there.
std::filesystem::path former_target(const Facts& facts) {
  const auto& state = facts.resolv_conf.state;
  if (state.kind != FileState::Kind::symlink) return {};
  const auto folder = std::filesystem::path(resolv_conf_path).parent_path();
  return (folder / state.content).lexically_normal();
}

// A static file in place of systemd-resolved's link makes it take its servers from there: from us.
bool takes_servers_from_us(const Facts& facts, const Route& route) {
  return route.writes_resolv_conf &&
         former_target(facts).string().find("systemd/resolve") != std::string::npos;
}

// The service has no rights, and a hardened machine may keep its resolv.conf to itself.
bool is_hidden_from_service(const Facts& facts, const Route& route) {
  const auto& state = facts.resolv_conf.state;
  return route.has_units && route.writes_resolv_conf && state.kind == FileState::Kind::regular &&
         (state.mode & S_IROTH) == 0;
}

// A file that says whom to ask would be wrong on the next network, and in an image.
bool writes_servers(const Facts& facts, const PlanRequest& request, const Route& route) {
  return !request.upstreams.empty() ||
         (!request.is_image && (!request.root.empty() || takes_servers_from_us(facts, route) ||
                                is_hidden_from_service(facts, route)));
}

Step config_step(const Facts& facts, const PlanRequest& request, const Decision& decision,
                 const Route& route) {
  Step step;
  step.path = config_path;
  step.before = facts.config_file;
  std::vector<UpstreamConfig> upstreams;
  std::vector<std::string> names;
  for (const auto& fact : facts.upstreams) {
    upstreams.push_back(fact.upstream);
    names.push_back(fact.upstream.endpoint.to_text());
  }
  // Below --root the engine runs on this machine, unless it is the image of another.
  const auto control = request.root.empty() || request.is_image
                           ? std::filesystem::path()
                           : below(request.root, Config{}.control);
  const auto listen =
      decision.listen == default_listen() ? std::vector<Endpoint>{} : decision.listen;
  const bool names_servers = writes_servers(facts, request, route);
  if (!names_servers) upstreams.clear();
  const auto from =
      names_servers || !route.writes_resolv_conf ? std::filesystem::path() : former_target(facts);
  step.after = FileState::regular(initial_config(upstreams, listen, control, request.routes, from));
  if (request.imported) step.after = FileState::regular(request.imported_text);
  // One that only has comments is the package's, or was written by an earlier setup.
  step.is_change = !facts.config && !step.before.has_same_content(step.after);
  const auto whom = names_servers   ? join_words(names, "and")
                    : names.empty() ? std::string("the machine's servers")
                                    : "the machine's servers, now " + join_words(names, "and");
  step.text = step.is_change ? fmt::format("write {}: ask {}", step.path.string(), whom)
                             : fmt::format("keep {}", step.path.string());
  return step;
}

Step engine_step(const Facts& facts) {
  Step step;
  step.kind = Step::Kind::start_engine;
  step.path = config_path;
  step.is_change = !facts.engine;
  step.text = facts.engine ? fmt::format("the cache runs (process {})", facts.engine->pid)
                           : std::string("start the cache in the background");
  return step;
}

Step resolv_conf_step(const Facts& facts, const Decision& decision) {
  const auto& now = facts.resolv_conf;
  Step step;
  step.path = resolv_conf_path;
  step.before = now.state;
  step.after = FileState::regular(
      resolv_conf_with_cache(now.content, decision.cache, choose_fallback(facts)));
  if (now.state.kind == FileState::Kind::regular) {
    step.after.mode = now.state.mode;
    step.after.uid = now.state.uid;
    step.after.gid = now.state.gid;
    step.after.xattrs = now.state.xattrs;
  }
  step.is_change = step.after.content != now.content;
  const auto first = decision.cache.to_text();
  step.text = step.is_change
                  ? fmt::format("write {}: lookups go to {} first", step.path.string(), first)
                  : fmt::format("{} names {} first", step.path.string(), first);
  return step;
}

Step verify_step(Step::Kind kind, const std::string& text, bool is_change) {
  Step step;
  step.kind = kind;
  step.text = text;
  step.is_change = is_change;
  return step;
}

std::vector<std::string> texts_of(const std::vector<UpstreamConfig>& upstreams) {
  std::vector<std::string> texts;
  for (const auto& upstream : upstreams) {
    const auto server = print_upstream(upstream);
    texts.push_back(upstream.link.empty() ? server : fmt::format("{} ({})", server, upstream.link));
  }
  return texts;
}

bool keeps_servers(const Facts& facts, const PlanRequest& request, const Route& route) {
  const bool has_config = facts.config || request.imported;
  const auto& config = request.imported ? request.imported : facts.config;
  return has_config ? config->upstreams.empty() : !writes_servers(facts, request, route);
}

// systemd-resolved goes on asking for the names of other interfaces' domains itself.
AskedRow asked_row(const Facts& facts, const Name& zone,
                   const std::vector<UpstreamConfig>& upstreams, const std::string& source,
                   const Route& route) {
  AskedRow row;
  row.zone = zone.to_text();
  row.source = source;
  row.today = row.then = texts_of(upstreams);
  row.is_by_resolved =
      route.uses_resolved() && (!zone.is_root() || facts.machine.domains.has_tunnel);
  const auto* stub = "127.0.0.53";
  const bool are_all_by_resolved =
      facts.resolv_conf.content.find(stub) != std::string::npos && !route.writes_resolv_conf;
  row.is_by_cache = zone.is_root() || !row.is_by_resolved || !are_all_by_resolved;
  return row;
}

std::vector<AskedRow> asked_rows(const Facts& facts, const PlanRequest& request,
                                 const Route& route) {
  const auto& machine = facts.machine;
  std::vector<AskedRow> rows;
  for (const auto& domain : machine.domains.routes) {
    rows.push_back(asked_row(facts, domain.zone, domain.upstreams, domain.source, route));
  }
  rows.push_back(
      asked_row(facts, Name(), machine.servers.upstreams, machine.servers.source, route));
  for (const auto& own : facts.config ? facts.config->routes : request.routes) {
    auto row =
        asked_row(facts, own.zone, servers_for(own.zone, machine.servers), "configuration", route);
    std::erase_if(rows, [&](const AskedRow& other) { return other.zone == row.zone; });
    row.then = texts_of(own.upstreams);
    row.is_by_resolved = false;
    row.is_by_cache = true;
    rows.insert(rows.begin(), std::move(row));
  }
  if (keeps_servers(facts, request, route)) return rows;
  std::vector<UpstreamConfig> named;
  for (const auto& fact : facts.upstreams) named.push_back(fact.upstream);
  for (auto& row : rows) {
    const bool is_own = row.source == "configuration";
    if (!is_own && (!row.is_by_resolved || row.zone == ".")) row.then = texts_of(named);
  }
  return rows;
}

std::string who_asks(const AskedRow& row) {
  if (!row.is_by_resolved) return "the cache";
  return row.is_by_cache ? "the cache and systemd-resolved" : "systemd-resolved, as today";
}

std::string table_of(const std::vector<AskedRow>& rows) {
  if (rows.empty()) return {};
  Table table({{"NAMES IN", "", false, true},
               {"ASKED TODAY", "", false, true},
               {"ASKED THEN", "", false, true},
               {"BY", "", false, true}});
  for (const auto& row : rows) {
    table.add_row({Cell(row.zone == "." ? "all others" : row.zone),
                   Cell(row.today.empty() ? "nobody" : join_words(row.today, "and")),
                   Cell(row.then.empty() ? "nobody" : join_words(row.then, "and")),
                   Cell(who_asks(row))});
  }
  return '\n' + table.to_text(Terminal{});
}

std::string explain(const Facts& facts, const Decision& decision) {
  const auto& resolv_conf = facts.resolv_conf;
  std::string kind = "is a plain file";
  if (resolv_conf.state.kind == FileState::Kind::absent) kind = "does not exist";
  if (resolv_conf.state.kind == FileState::Kind::symlink) {
    kind = "is a link to " + resolv_conf.state.content;
  }
  if (resolv_conf.is_mount) kind = "is a mounted file, which is written in place";
  const auto servers = parse_resolv_conf(resolv_conf.content).nameservers;
  if (!servers.empty() && servers.front().address == decision.cache) kind += " and names the cache";
  return fmt::format("/etc/resolv.conf {}, so programs are sent to {} there", kind,
                     decision.cache.to_text());
}

Result<void> check_manager(const Facts& facts, const Route& route, const IpAddress& cache) {
  const bool is_possible =
      route.mode != Mode::manager || facts.system.manager != "NetworkManager" || !cache.is_v6;
  if (is_possible) return {};
  return Error{
      "nothing was changed, because NetworkManager can list the cache at an IPv4 address alone; "
      "listen on 127.0.0.1 as well, or choose --mode resolv-conf"};
}

// A program that writes the file whenever its network changes; empty: none, or it knows the cache.
std::string warning_of_author(const Facts& facts, const Route& route) {
  const auto author = author_of(facts.resolv_conf).name;
  const bool is_file = facts.resolv_conf.state.kind == FileState::Kind::regular;
  if (!route.writes_resolv_conf || author.empty() || !is_file) return {};
  if (author == "systemd-resolved" || (author == "dhclient" && facts.system.has_dhclient)) {
    return {};
  }
  return fmt::format(
      "{} has written /etc/resolv.conf and may write it again, without the cache; the cache "
      "follows "
      "it then, 'dnscachectl status' says so, and 'dnscachectl setup' puts the cache first again",
      author);
}

// How lookups come to the cache, if nothing stands in the way.
Result<Route> find_route(const Facts& facts, const PlanRequest& request, const Decision& decision) {
  auto route = choose_route(facts, request.mode);
  if (!route) return route;
  if (const auto checked = check_upstreams(facts); !checked) return checked.error();
  if (const auto checked = check_manager(facts, *route, decision.cache); !checked) {
    return checked.error();
  }
  const auto engine = facts.engine ? check_engine(facts, *route, decision.cache)
                                   : check_ports(facts, decision.listen);
  if (!engine) return engine.error();
  return route;
}

std::vector<std::string> warnings_of(const Facts& facts, const Route& route) {
  std::vector<std::string> warnings;
  auto of_author = warning_of_author(facts, route);
  if (!of_author.empty()) warnings.push_back(std::move(of_author));
  for (const auto& fact : facts.upstreams) {
    if (fact.answers) continue;
    warnings.push_back(
        fmt::format("{} does not answer; the cache copes, but every other "
                    "program that asks it waits",
                    fact.upstream.endpoint.to_text()));
  }
  return warnings;
}

const char* state_word(const Step& step) { return step.is_change ? "would change" : "unchanged"; }

std::string diff_of(const Step& step) {
  if (step.kind != Step::Kind::file || !step.is_change) return "";
  if (step.before.kind == FileState::Kind::symlink) {
    return fmt::format("--- {} -> {}\n", step.path.string(), step.before.content) +
           unified_diff(step.path.string(), "", step.after.content);
  }
  return unified_diff(step.path.string(), step.before.content, step.after.content);
}

}  // namespace

std::vector<Endpoint> wanted_listen(const Facts& facts, const PlanRequest& request) {
  if (!request.listen.empty()) return request.listen;
  if (facts.config) return facts.config->listen;
  auto listen = default_listen();
  if (!facts.has_ipv6_loopback) {
    std::erase_if(listen, [](const Endpoint& endpoint) { return endpoint.address.is_v6; });
  }
  return listen;
}

Result<std::vector<Step>> config_steps(const Facts& facts, const PlanRequest& request,
                                       const std::vector<Endpoint>& listen) {
  if (const auto checked = check_config(facts, request); !checked) return checked.error();
  const auto cache = cache_address(listen);
  if (!cache) return cache.error();
  return std::vector<Step>{directory_step(facts),
                           config_step(facts, request, {listen, *cache}, {})};
}

bool Plan::has_changes() const { return std::ranges::any_of(steps, &Step::is_change); }

Result<Plan> plan_setup(const Facts& facts, const PlanRequest& request) {
  if (request.is_image) return plan_image(facts, request);
  if (const auto checked = check_config(facts, request); !checked) return checked.error();
  Decision decision;
  decision.listen = wanted_listen(facts, request);
  const auto cache = cache_address(decision.listen);
  if (!cache) return cache.error();
  decision.cache = *cache;
  const auto route = find_route(facts, request, decision);
  if (!route) return route.error();
  const auto containers = container_steps(facts, *route);
  if (!containers) return containers.error();

  Plan plan;
  plan.why = route->writes_resolv_conf ? explain(facts, decision) : route->why;
  plan.mode = route->mode;
  plan.asks_resolved = route->uses_resolved() && facts.system.resolved.has_value();
  plan.cache = decision.cache;
  plan.probe = facts.probe;
  plan.asked = asked_rows(facts, request, *route);
  plan.keeps_servers = keeps_servers(facts, request, *route);
  plan.steps = {directory_step(facts), config_step(facts, request, decision, *route)};
  if (route->has_units) {
    const auto units = unit_steps(facts, *route, decision.listen);
    if (!units) return units.error();
    plan.steps.insert(plan.steps.end(), units->begin(), units->end());
  } else {
    plan.steps.push_back(engine_step(facts));
  }
  auto switch_over = source_steps(facts, *route, decision.cache);
  if (route->writes_resolv_conf) switch_over.push_back(resolv_conf_step(facts, decision));
  const bool switches = std::ranges::any_of(switch_over, &Step::is_change);
  if (route->writes_resolv_conf && switch_over.back().is_change && facts.resolv_conf.is_immutable) {
    return Error{"/etc/resolv.conf is immutable; allow changes with 'chattr -i /etc/resolv.conf'",
                 ExitCode::no_rights};
  }
  const bool verifies = plan.has_changes() || switches;
  plan.steps.push_back(verify_step(Step::Kind::verify_engine,
                                   fmt::format("look up {} through the cache", plan.probe.name),
                                   verifies));
  plan.steps.insert(plan.steps.end(), switch_over.begin(), switch_over.end());
  plan.steps.insert(plan.steps.end(), containers->begin(), containers->end());
  plan.steps.push_back(verify_step(Step::Kind::verify_system,
                                   fmt::format("look up {} as every program does", plan.probe.name),
                                   verifies));
  plan.warnings = warnings_of(facts, *route);
  return plan;
}

std::string initial_config(const std::vector<UpstreamConfig>& upstreams,
                           const std::vector<Endpoint>& listen,
                           const std::filesystem::path& control,
                           const std::vector<RouteConfig>& routes,
                           const std::filesystem::path& upstreams_from) {
  std::string out =
      "# Configuration of dnscachectl, written by 'dnscachectl setup'. It is yours now.\n"
      "# Every setting: 'dnscachectl check --print' and dnscachectl.yaml(5).\n"
      "# After a change: 'dnscachectl check', then send the engine SIGHUP.\n"
      "\n";
  if (!upstreams_from.empty()) {
    out += fmt::format(
        "# The servers to ask are those that this file names, which /etc/resolv.conf linked to.\n"
        "upstreams_from: \"{}\"\n",
        upstreams_from.string());
  } else if (upstreams.empty()) {
    out += "# The servers to ask are the machine's own, as they change: upstreams_from.\n";
  } else {
    out += "# The servers to ask; without this list they are the machine's own.\nupstreams:\n";
    for (const auto& upstream : upstreams) {
      out += fmt::format("  - \"{}\"\n", print_upstream(upstream));
    }
  }
  if (!routes.empty()) {
    out += "\nroutes:\n";
    for (const auto& route : routes) {
      out += fmt::format("  - zone: \"{}\"\n    upstreams:\n", route.zone.to_text());
      for (const auto& upstream : route.upstreams) {
        out += fmt::format("      - \"{}\"\n", print_upstream(upstream));
      }
    }
  }
  if (!listen.empty()) {
    out += "\nlisten:\n";
    for (const auto& endpoint : listen) out += fmt::format("  - \"{}\"\n", endpoint.to_text());
  }
  if (!control.empty()) out += fmt::format("\ncontrol: \"{}\"\n", control.string());
  return out;
}

std::string to_text(const Plan& plan) {
  std::string out = fmt::format("Plan: {}.\n", plan.why);
  for (const auto& step : plan.steps) {
    out += fmt::format("  {:<13} {}\n", state_word(step), step.text);
  }
  out += table_of(plan.asked);
  for (const auto& step : plan.steps) {
    if (const auto diff = diff_of(step); !diff.empty()) out += '\n' + diff;
  }
  return out;
}

nlohmann::json to_json(const Plan& plan) {
  auto steps = nlohmann::json::array();
  for (const auto& step : plan.steps) {
    nlohmann::json object = {{"text", step.text}, {"change", step.is_change}};
    if (!step.path.empty()) object["path"] = step.path.string();
    if (const auto diff = diff_of(step); !diff.empty()) object["diff"] = diff;
    steps.push_back(std::move(object));
  }
  auto asked = nlohmann::json::array();
  for (const auto& row : plan.asked) {
    asked.push_back({{"zone", row.zone},
                     {"source", row.source},
                     {"today", row.today},
                     {"then", row.then},
                     {"by_cache", row.is_by_cache},
                     {"by_resolved", row.is_by_resolved}});
  }
  return {{"why", plan.why},
          {"mode", mode_words.print(plan.mode)},
          {"asked", asked},
          {"steps", steps},
          {"warnings", plan.warnings}};
}

}  // namespace dnscache::cli
