#include "cli/bench/plan.hpp"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <iostream>
#include <iterator>
#include <set>
#include <sstream>

#include "cli/ask/command_lookup.hpp"
#include "cli/ask/control_client.hpp"
#include "cli/host/journal.hpp"
#include "cli/host/lookup_path.hpp"
#include "cli/settings/endpoints.hpp"
#include "cli/show/made_with.hpp"
#include "resolver/base/text.hpp"
#include "resolver/base/text_file.hpp"
#include "resolver/config/resolv_conf.hpp"
#include "resolver/wire/name.hpp"

namespace dnscache::cli {

namespace {

constexpr std::size_t max_file_size = 64u << 20;  // bytes: a million names

Error wrong(std::string text) { return {std::move(text), ExitCode::usage}; }

// The types that a client asks one by one; type 0 is a lookup for all addresses.
Result<std::set<std::uint16_t>> types_of(const std::vector<std::string>& texts, Through through) {
  std::set<std::uint16_t> types;
  for (const auto& text : texts) {
    const auto type = parse_type(text);
    if (!type) {
      return wrong(fmt::format("'{}' is not a record type, as in A, AAAA or MX", printable(text)));
    }
    if (through == Through::getaddrinfo && *type != ns_t_a && *type != ns_t_aaaa) {
      return wrong("--through getaddrinfo: only A and AAAA have addresses");
    }
    types.insert(*type);
  }
  const bool is_one_lookup =
      through == Through::command || (through == Through::getaddrinfo && types.size() > 1);
  return is_one_lookup ? std::set<std::uint16_t>{0} : types;
}

Result<void> add_questions(BenchPlan& plan, const std::string& text,
                           const std::vector<std::string>& type_texts) {
  const auto parsed = Name::parse(text);
  if (!parsed) return wrong(fmt::format("'{}' is not a domain name", printable(text)));
  const auto name = parsed->to_text();
  if (plan.before.through == Through::command && !CommandLookup::takes(name)) {
    return wrong(fmt::format("--exec: '{}' could mean something to a shell", name));
  }
  const auto types = types_of(type_texts, plan.before.through);
  if (!types) return types.error();
  plan.report.names.push_back(name);
  for (const auto type : *types) plan.questions.push_back({name, type});
  return {};
}

// A line is a name, or a name and a type as in dnsperf's data files; # begins a comment.
Result<void> add_lines(BenchPlan& plan, std::istream& lines, const std::string& where) {
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream text(line.substr(0, line.find('#')));
    const std::vector<std::string> words(std::istream_iterator<std::string>(text), {});
    if (words.empty()) continue;
    if (words.size() > 2) {
      return wrong(fmt::format("{}:{}: '{}' is not a name, or a name and a record type", where,
                               number, printable(line)));
    }
    const auto types = words.size() == 1 ? plan.options.types : std::vector{words[1]};
    const auto added = add_questions(plan, words[0], types);
    if (!added) return wrong(fmt::format("{}:{}: {}", where, number, added.error().message));
  }
  if (plan.questions.empty()) return wrong(where + ": there is no name in it");
  return {};
}

Result<void> add_all_questions(BenchPlan& plan) {
  const auto& options = plan.options;
  for (const auto& name : options.names) {
    if (const auto added = add_questions(plan, name, options.types); !added) return added.error();
  }
  if (options.file == "-") return add_lines(plan, std::cin, "stdin");
  if (!options.file.empty()) {
    const auto text = read_text_file(options.file, max_file_size);
    if (!text) return text.error();
    std::istringstream lines(*text);
    return add_lines(plan, lines, options.file.string());
  }
  if (!plan.questions.empty()) return {};
  return wrong("a name or --file is needed; see 'dnscachectl bench --help'");
}

std::vector<Endpoint> engine_upstreams(const EngineStatus& engine) {
  std::vector<Endpoint> servers;
  for (const auto& upstream : engine.upstreams) {
    if (upstream.zone != "." || upstream.protocol == "tls") continue;
    if (const auto server = Endpoint::parse(upstream.address, dns_port)) servers.push_back(*server);
  }
  return servers;
}

// What programs on this machine asked before the cache came, or would ask without it.
Result<void> find_servers_before(BenchPlan& plan, const Result<EngineStatus>& engine) {
  const auto take = [&](std::vector<Endpoint> servers, const char* from) {
    if (servers.size() > MAXNS) servers.resize(MAXNS);
    plan.before.servers = std::move(servers);
    plan.report.servers_from = from;
    return !plan.before.servers.empty();
  };
  const auto take_others = [&](std::vector<Endpoint> servers, const char* from) {
    std::erase(servers, plan.cache);
    if (engine) {
      for (const auto& listen : engine->listen) std::erase(servers, listen);
    }
    return take(std::move(servers), from);
  };
  const auto wanted = parse_endpoints(plan.options.servers, "--servers");
  if (!wanted) return wanted.error();
  if (take(*wanted, "--servers")) return {};
  if (const auto original = original_resolv_conf({})) {
    const auto servers = parse_resolv_conf(*original).nameservers;
    if (take_others(servers, "resolv.conf before setup")) return {};
  }
  if (engine && take_others(engine_upstreams(*engine), "the cache's upstreams")) return {};
  if (const auto text = read_text_file("/etc/resolv.conf")) {
    if (take_others(parse_resolv_conf(*text).nameservers, "/etc/resolv.conf")) return {};
  }
  return Error{"no server to compare with is known; name some with --servers"};
}

// Where the lookups of "compare" go: the running engine, or what --cache says.
Result<void> find_cache(BenchPlan& plan, const Result<EngineStatus>& engine) {
  if (!plan.options.cache.empty()) {
    const auto cache = parse_endpoints({plan.options.cache}, "--cache");
    if (!cache) return cache.error();
    plan.cache = cache->front();
  } else if (!engine) {
    return engine.error();
  } else if (engine->listen.empty()) {
    return Error{"the engine does not say where it listens; say it with --cache"};
  } else {
    plan.cache = reachable(engine->listen.front());
  }
  const auto is_cache = [&](const Endpoint& listen) { return reachable(listen) == plan.cache; };
  plan.has_engine = engine && std::ranges::any_of(engine->listen, is_cache);
  return {};
}

Result<void> check_options(const BenchOptions& options) {
  if (options.scenario == "compare") return {};
  if (!options.command.empty()) return wrong("--exec belongs to --scenario compare");
  if (!options.cache.empty()) {
    return wrong("--cache belongs to --scenario compare; the others measure a copy of the engine");
  }
  if (!options.count) return {};
  return wrong("--count belongs to --scenario compare; say --duration and --rate");
}

void describe(BenchPlan& plan) {
  auto& report = plan.report;
  report.scenario = plan.options.scenario;
  report.when = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  report.made_with = made_with();
  report.through = through_titles.print(plan.before.through);
  report.command = plan.options.command;
  if (report.command.empty()) report.types = plan.options.types;
  for (const auto& server : plan.before.servers) report.before_servers.push_back(server.to_text());
  report.cache = plan.cache.to_text();
}

}  // namespace

ClientSettings BenchPlan::client_for(std::vector<Endpoint> servers) const {
  auto settings = before;
  settings.servers = std::move(servers);
  return settings;
}

Result<BenchPlan> make_plan(const BenchOptions& options) {
  if (const auto checked = check_options(options); !checked) return checked.error();
  BenchPlan plan;
  plan.options = options;
  const auto through = through_words.parse(options.through).value_or(Through::resolver);
  plan.before.through = options.command.empty() ? through : Through::command;
  plan.before.command = options.command;
  plan.before.patience = Patience::of_this_machine();
  if (const auto added = add_all_questions(plan); !added) return added.error();
  plan.options.control = control_path(options.control);
  plan.is_quiet = options.is_json || ::isatty(STDERR_FILENO) == 0;
  const auto engine = engine_status(plan.options.control);
  if (options.scenario == "compare") {
    if (const auto found = find_cache(plan, engine); !found) return found.error();
  }
  if (const auto found = find_servers_before(plan, engine); !found) return found.error();
  describe(plan);
  return plan;
}

}  // namespace dnscache::cli
