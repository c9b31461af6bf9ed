#include "cli/bench/plan.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fstream>
#include <iostream>
#include <sstream>

#include "cli/ask/control_client.hpp"
#include "cli/host/journal.hpp"
#include "cli/host/lookup_path.hpp"
#include "cli/settings/endpoints.hpp"
#include "resolver/base/text.hpp"
#include "resolver/base/text_file.hpp"
#include "resolver/base/version.hpp"
#include "resolver/config/resolv_conf.hpp"
#include "resolver/wire/name.hpp"

namespace dnscache::cli {

namespace {

constexpr std::size_t max_file_size = 64u << 20;  // bytes: a million names

/// A name with the record types that are asked for.
struct Wanted {
  std::string name;
  std::vector<std::string> types;
};

// A line is a name, or a name and a type as in dnsperf's data files; # begins a comment.
Result<std::vector<Wanted>> read_names(std::istream& lines, const std::string& where,
                                       const std::vector<std::string>& types) {
  std::vector<Wanted> wanted;
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    line.resize(std::min(line.size(), line.find('#')));
    std::istringstream words(line);
    std::string name;
    std::string type;
    std::string more;
    if (!(words >> name)) continue;
    words >> type >> more;
    if (!more.empty() || (!type.empty() && !parse_type(type))) {
      return Error{fmt::format("{}:{}: '{}' is not a name, or a name and a record type", where,
                               number, printable(line)),
                   ExitCode::usage};
    }
    wanted.push_back({name, type.empty() ? types : std::vector{type}});
  }
  if (wanted.empty()) return Error{where + ": there is no name in it", ExitCode::usage};
  return wanted;
}

Result<std::vector<Wanted>> wanted_names(const BenchOptions& options) {
  std::vector<Wanted> wanted;
  for (const auto& name : options.names) wanted.push_back({name, options.types});
  if (options.file.empty()) {
    if (!wanted.empty()) return wanted;
    return Error{"a name or --file is needed; see 'dnscachectl bench --help'", ExitCode::usage};
  }
  Result<std::vector<Wanted>> read = std::vector<Wanted>{};
  if (options.file == "-") {
    read = read_names(std::cin, "stdin", options.types);
  } else {
    const auto text = read_text_file(options.file, max_file_size);
    if (!text) return text.error();
    std::istringstream lines(*text);
    read = read_names(lines, options.file.string(), options.types);
  }
  if (!read) return read.error();
  wanted.insert(wanted.end(), read->begin(), read->end());
  return wanted;
}

bool is_safe_in_a_shell(const std::string& name) {
  return !name.starts_with('-') && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
}

// getaddrinfo() asks for both families at once.
Result<std::uint16_t> family_type(const std::vector<std::uint16_t>& types) {
  std::uint16_t found = 0;
  for (const auto type : types) {
    if (type != ns_t_a && type != ns_t_aaaa) {
      return Error{"--through getaddrinfo: only A and AAAA have addresses", ExitCode::usage};
    }
    found = static_cast<std::uint16_t>(found == 0 || found == type ? type : 0);
    if (found == 0) break;
  }
  return found;
}

Result<void> add_questions(BenchPlan& plan, const Wanted& wanted) {
  const auto parsed = Name::parse(wanted.name);
  if (!parsed) {
    return Error{fmt::format("'{}' is not a domain name", printable(wanted.name)), ExitCode::usage};
  }
  const auto name = parsed->to_text();
  plan.names.push_back(name);
  std::vector<std::uint16_t> types;
  for (const auto& text : wanted.types) {
    const auto type = parse_type(text);
    if (!type) {
      return Error{fmt::format("'{}' is not a record type, as in A, AAAA or MX", printable(text)),
                   ExitCode::usage};
    }
    types.push_back(*type);
  }
  if (plan.through == Through::command) {
    if (!is_safe_in_a_shell(name)) {
      return Error{fmt::format("--exec: '{}' could mean something to a shell", name),
                   ExitCode::usage};
    }
    plan.questions.push_back({name, 0});
    return {};
  }
  if (plan.through == Through::getaddrinfo) {
    const auto type = family_type(types);
    if (!type) return type.error();
    plan.questions.push_back({name, *type});
    return {};
  }
  for (const auto type : types) plan.questions.push_back({name, type});
  return {};
}

std::vector<Endpoint> engine_upstreams(const EngineStatus& engine) {
  std::vector<Endpoint> servers;
  for (const auto& upstream : engine.upstreams) {
    if (upstream.zone != "." || upstream.protocol == "tls") continue;
    if (const auto server = Endpoint::parse(upstream.address, dns_port)) servers.push_back(*server);
  }
  return servers;
}

std::vector<Endpoint> first_three(std::vector<Endpoint> servers) {
  if (servers.size() > MAXNS) servers.resize(MAXNS);
  return servers;
}

// What programs on this machine asked before the cache came, or would ask without it.
Result<void> find_servers_before(BenchPlan& plan, const std::optional<EngineStatus>& engine) {
  const auto wanted = parse_endpoints(plan.options.servers, "--servers");
  if (!wanted) return wanted.error();
  if (!wanted->empty()) {
    plan.before = first_three(*wanted);
    plan.before_from = "--servers";
    return {};
  }
  const auto take = [&](std::vector<Endpoint> servers, const char* from) {
    std::erase(servers, plan.cache);
    if (engine) {
      std::erase_if(servers, [&](const Endpoint& server) {
        return std::ranges::find(engine->listen, server) != engine->listen.end();
      });
    }
    plan.before = first_three(std::move(servers));
    plan.before_from = from;
    return !plan.before.empty();
  };
  if (const auto original = original_resolv_conf({})) {
    const auto servers = parse_resolv_conf(*original).nameservers;
    if (take(servers, "resolv.conf before setup")) return {};
  }
  if (engine && take(engine_upstreams(*engine), "the cache's upstreams")) return {};
  if (const auto text = read_text_file("/etc/resolv.conf")) {
    if (take(parse_resolv_conf(*text).nameservers, "/etc/resolv.conf")) return {};
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
  plan.has_engine = engine && std::ranges::any_of(engine->listen, [&](const Endpoint& listen) {
                      return reachable(listen) == plan.cache;
                    });
  return {};
}

Result<void> check_options(const BenchOptions& options) {
  const bool is_compare = options.scenario == "compare";
  if (!is_compare && !options.command.empty()) {
    return Error{"--exec belongs to --scenario compare", ExitCode::usage};
  }
  if (!is_compare && !options.cache.empty()) {
    return Error{"--cache belongs to --scenario compare; the others measure a copy of the engine",
                 ExitCode::usage};
  }
  if (!is_compare && options.count) {
    return Error{"--count belongs to --scenario compare; say --duration and --rate",
                 ExitCode::usage};
  }
  return {};
}

// "dnscachectl 0.1.0 on web1 (Linux 6.1.0): dnscachectl bench example.com"
std::string made_with() {
  utsname machine{};
  (void)::uname(&machine);
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string command;
  for (std::string word; std::getline(file, word, '\0');) {
    const bool is_plain = word.find_first_of(" '\"{}*$;&|<>") == word.npos;
    command += (command.empty() ? "" : " ") + (is_plain ? word : "'" + word + "'");
  }
  return fmt::format("dnscachectl {} on {} ({} {}): {}", version(), machine.nodename,
                     machine.sysname, machine.release, command);
}

}  // namespace

ClientSettings BenchPlan::client_for(std::vector<Endpoint> servers) const {
  return {through, std::move(servers), patience, options.command};
}

Result<BenchPlan> make_plan(const BenchOptions& options) {
  if (const auto checked = check_options(options); !checked) return checked.error();
  BenchPlan plan;
  plan.options = options;
  const auto through = through_words.parse(options.through).value_or(Through::resolver);
  plan.through = options.command.empty() ? through : Through::command;
  const auto wanted = wanted_names(options);
  if (!wanted) return wanted.error();
  for (const auto& name : *wanted) {
    if (const auto added = add_questions(plan, name); !added) return added.error();
  }
  plan.patience = Patience::of_this_machine();
  plan.control = control_path(options.control);
  plan.is_quiet = options.is_json || ::isatty(STDERR_FILENO) == 0;

  const auto status = engine_status(plan.control);
  if (options.scenario == "compare") {
    if (const auto found = find_cache(plan, status); !found) return found.error();
  }
  const auto found = find_servers_before(plan, status ? std::optional(*status) : std::nullopt);
  if (!found) return found.error();
  return plan;
}

BenchReport report_for(const BenchPlan& plan) {
  BenchReport report;
  report.scenario = plan.options.scenario;
  report.when = fmt::format(
      "{:%Y-%m-%dT%H:%M:%SZ}",
      fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
  report.through = through_titles.print(plan.through);
  report.command = plan.options.command;
  report.names = plan.names;
  if (report.command.empty()) report.types = plan.options.types;
  for (const auto& server : plan.before) report.before_servers.push_back(server.to_text());
  report.servers_from = plan.before_from;
  report.made_with = made_with();
  report.cache = plan.cache.to_text();
  return report;
}

}  // namespace dnscache::cli
