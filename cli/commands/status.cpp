#include "cli/commands/status.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <functional>

#include "cli/host/apply.hpp"
#include "cli/host/resolv_conf_author.hpp"
#include "cli/show/watch.hpp"
#include "resolver/base/text.hpp"
#include "resolver/base/text_file.hpp"
#include "resolver/config/values.hpp"
#include "resolver/wire/name.hpp"

namespace dnscache::cli {

namespace {

Style style_of_state(const std::string& state) {
  if (state == "healthy") return Style::good;
  if (state == "down") return Style::bad;
  return state == "suspect" ? Style::warning : Style::plain;
}

std::string optional_milliseconds(const std::optional<double>& value) {
  return value ? format_milliseconds(*value) : "-";
}

std::string failure_in_words(const UpstreamStatus& upstream) {
  if (!upstream.limitations.empty())
    return fmt::format("{}", fmt::join(upstream.limitations, "; "));
  if (upstream.last_failure.empty()) return "-";
  if (!upstream.last_failure_seconds_ago) return upstream.last_failure;
  return fmt::format("{}, {} ago", upstream.last_failure,
                     format_uptime(*upstream.last_failure_seconds_ago));
}

// The most recent one, and what became of it.
std::string last_problem_in_words(const EngineStatus& engine) {
  const UpstreamStatus* last = nullptr;
  for (const auto& upstream : engine.upstreams) {
    if (upstream.last_failure.empty()) continue;
    const auto age = upstream.last_failure_seconds_ago.value_or(1e9);
    if (last == nullptr || age < last->last_failure_seconds_ago.value_or(1e9)) last = &upstream;
  }
  if (last == nullptr) return "none since the start";
  const auto now = last->state == "healthy" ? std::string("it answers again")
                                            : fmt::format("it is {} now", last->state);
  return fmt::format("{}: {}; {}", last->address, failure_in_words(*last), now);
}

// Nothing where no upstream has a quota.
std::string quota_in_words(const EngineStatus& engine, const Terminal& terminal) {
  std::vector<std::string> words;
  for (const auto& upstream : engine.upstreams) {
    if (!upstream.quota || *upstream.quota == 0) continue;
    const auto share =
        static_cast<double>(upstream.packets_per_second) / static_cast<double>(*upstream.quota);
    words.push_back(fmt::format("{} {} {} of {} packets/s, peak {}", upstream.address,
                                bar(terminal, share, 10), format_count(upstream.packets_per_second),
                                format_count(*upstream.quota),
                                format_count(upstream.packets_per_second_peak)));
  }
  return fmt::format("{}", fmt::join(words, "; "));
}

constexpr std::size_t spark_width = 16;
constexpr std::size_t wide_terminal = 120;  // columns that all of the table needs

/// One column of the upstreams' table and its cells.
struct UpstreamColumn {
  Column column;
  bool is_for_wide;  // left out on narrow terminals
  std::function<Cell(const UpstreamStatus&, const Terminal&)> cell;
};

std::string name_of(const UpstreamStatus& upstream) {
  return upstream.protocol == "udp" ? upstream.address
                                    : fmt::format("{} ({})", upstream.address, upstream.protocol);
}

const std::vector<UpstreamColumn>& upstream_columns() {
  using Of = const UpstreamStatus&;
  static const std::vector<UpstreamColumn> columns = {
      {{"UPSTREAM", "", false, true}, false, [](Of u, auto&) { return Cell(name_of(u)); }},
      {{"STATE", ""},
       false,
       [](Of u, auto&) { return Cell(u.state, nullptr, style_of_state(u.state)); }},
      {{"RTT", "", true}, false, [](Of u, auto&) { return Cell(optional_milliseconds(u.rtt_ms)); }},
      {{"RECENT", ""},
       false,
       [](Of u, const Terminal& t) { return Cell(sparkline(t, u.rtt_recent_ms, spark_width)); }},
      {{"P99", "", true},
       true,
       [](Of u, auto&) { return Cell(optional_milliseconds(u.rtt_p99_ms)); }},
      {{"SENT", "", true}, false, [](Of u, auto&) { return Cell(format_count(u.sent)); }},
      {{"LOST", "", true}, false, [](Of u, auto&) { return Cell(format_count(u.timeouts)); }},
      {{"HEDGED", "", true}, true, [](Of u, auto&) { return Cell(format_count(u.hedged)); }},
      {{"WON", "", true}, true, [](Of u, auto&) { return Cell(format_count(u.won)); }},
      {{"LAST FAILURE", "", false, true}, true, [](Of u, auto&) {
         return Cell(failure_in_words(u));
       }}};
  return columns;
}

Table upstream_table(const EngineStatus& engine, const Terminal& terminal) {
  const bool has_routes = std::ranges::any_of(
      engine.upstreams, [](const UpstreamStatus& upstream) { return upstream.zone != "."; });
  const bool is_narrow = terminal.width != 0 && terminal.width < wide_terminal;
  std::vector<Column> columns;
  if (has_routes) columns.push_back({"ZONE", "", false, true});
  for (const auto& column : upstream_columns()) {
    if (!is_narrow || !column.is_for_wide) columns.push_back(column.column);
  }
  Table table(std::move(columns));
  for (const auto& upstream : engine.upstreams) {
    std::vector<Cell> cells;
    if (has_routes) cells.push_back(Cell(upstream.zone));
    for (const auto& column : upstream_columns()) {
      if (!is_narrow || !column.is_for_wide) cells.push_back(column.cell(upstream, terminal));
    }
    table.add_row(std::move(cells));
  }
  return table;
}

std::string headline(const StatusReport& report) {
  return fmt::format(
      "{} ({} through {}: {} in {})",
      report.probe.is_answer() ? "running and answering" : "running, but lookups fail",
      report.probe_name, report.probe_server.to_text(), to_text(report.probe.outcome),
      format_milliseconds(report.probe.duration.count()));
}

std::string program_in_words(const StatusReport& report) {
  const auto& program = *report.program;
  const auto took = format_milliseconds(program.milliseconds);
  switch (program.status) {
    case NssStatus::found:
      return fmt::format("get {} address{} for {} in {}", program.addresses.size(),
                         program.addresses.size() == 1 ? "" : "es", report.probe_name, took);
    case NssStatus::not_found:
      return fmt::format("are told in {} that there is no {}", took, report.probe_name);
    default:
      return fmt::format("can't look up {}: {}, after {}", report.probe_name, program.error, took);
  }
}

bool is_working(const AddressLookup& program) {
  return program.status == NssStatus::found || program.status == NssStatus::not_found;
}

std::string memory_in_words(const EngineStatus& engine, const Terminal& terminal) {
  const auto share =
      engine.cache_size_bytes == 0
          ? 0
          : static_cast<double>(engine.cache_bytes) / static_cast<double>(engine.cache_size_bytes);
  return fmt::format("{} {} in {} of {}, {} evicted", bar(terminal, std::max(share, 0.02), 10),
                     format_counted(engine.entries, "answer"), format_bytes(engine.cache_bytes),
                     format_bytes(engine.cache_size_bytes), format_count(engine.evictions));
}

std::string queries_in_words(const EngineStatus& engine, const Terminal& terminal) {
  const auto served = engine.hits + engine.stale + engine.misses;
  if (served == 0) return fmt::format("{}, none of them cacheable", format_count(engine.queries));
  const auto share = static_cast<double>(engine.hits + engine.stale) / static_cast<double>(served);
  auto text = fmt::format(
      "{}, {} {} from the cache: {} hit{}, {} miss{}", format_count(engine.queries),
      bar(terminal, share, 10), format_percent(share), format_count(engine.hits),
      engine.hits == 1 ? "" : "s", format_count(engine.misses), engine.misses == 1 ? "" : "es");
  if (engine.stale > 0) text += fmt::format(", {} stale", format_count(engine.stale));
  if (engine.servfail > 0) text += fmt::format(", {} failed", format_count(engine.servfail));
  return text;
}

std::string dnssec_in_words(const ValidationCounts& counts) {
  return fmt::format("validated: {} secure, {} insecure, {} bogus", format_count(counts.secure),
                     format_count(counts.insecure), format_count(counts.bogus));
}

std::string listen_in_words(const EngineStatus& engine) {
  std::vector<std::string> words;
  for (const auto& endpoint : engine.listen) words.push_back(endpoint.to_text());
  return join_words(words, "and");
}

// Empty: what is written is in force.
std::string configuration_in_words(const ConfigurationStatus& configuration) {
  if (!configuration.problems.empty()) {
    return fmt::format(
        "NOT in force, the last one that worked is: {}{}; after mending it, run "
        "'dnscachectl reload'",
        configuration.problems.front(),
        configuration.problems.size() > 1
            ? fmt::format(" (and {} more)", configuration.problems.size() - 1)
            : "");
  }
  if (!configuration.has_changed) return {};
  return configuration.file + " was changed since and is not in force; run 'dnscachectl reload'";
}

// The group of all other names is the engine's last; it is told first.
std::string sources_in_words(const EngineStatus& engine) {
  std::string text;
  for (auto group = engine.groups.rbegin(); group != engine.groups.rend(); ++group) {
    if (!text.empty()) text += fmt::format("; for {}: ", group->zone);
    text += group->servers.empty() ? "none" : join_words(group->servers, "and");
    const bool is_configured = group->source == "configuration";
    if (!group->source.empty()) {
      text += fmt::format(", from {}", is_configured ? "the configuration" : group->source);
    }
  }
  return text;
}

Lookup look_up(const Endpoint& server, const std::string& name) {
  auto resolver = StubResolver::with_servers({server}, {.timeout_seconds = 5, .attempts = 1});
  return resolver ? resolver->ask(name, ns_t_a) : Lookup{};
}

std::string units_in_words(const SystemFacts& system) {
  const auto* service = system.unit(service_unit);
  const auto* socket = system.unit(socket_unit);
  if (service == nullptr || socket == nullptr || !service->exists()) return {};
  auto text = fmt::format("service {} and {}", service->active_state, service->unit_file_state);
  if (service->active_since) {
    const std::chrono::duration<double> age =
        std::chrono::system_clock::now() - *service->active_since;
    text += fmt::format(" for {}", format_uptime(age.count()));
  }
  if (service->restarts > 0) text += fmt::format(", restarted {} times", service->restarts);
  return text + fmt::format("; socket {} and {}", socket->active_state, socket->unit_file_state);
}

// The configuration is the administrator's own to change.
std::vector<std::string> changed_files() {
  std::vector<std::string> paths;
  const auto journal = Journal::peek({});
  if (!journal) return paths;
  const auto changed = changed_since(*journal, {});
  if (!changed) return paths;
  for (const auto& entry : *changed) {
    if (entry.path != default_config_path) paths.push_back(entry.path.string());
  }
  return paths;
}

}  // namespace

std::string to_text(const StatusReport& report, const Terminal& terminal) {
  const auto& engine = report.engine;
  std::string out;
  const auto add = [&](std::string_view label, const std::string& text,
                       Style style = Style::plain) {
    out += styled(terminal, Style::strong, fmt::format("{:<9}", label)) +
           styled(terminal, style, wrapped(terminal, text, 9)) + '\n';
  };
  if (const auto text = configuration_in_words(engine.configuration); !text.empty()) {
    add("config", text, engine.configuration.problems.empty() ? Style::warning : Style::bad);
  }
  add("cache", headline(report), report.probe.is_answer() ? Style::good : Style::bad);
  const bool is_good = report.path.is_through_cache && !report.path.rotates;
  if (report.program) {
    add("programs", program_in_words(report),
        is_working(*report.program) ? Style::good : Style::bad);
  }
  add("lookups", "on this machine " + report.path.in_words(),
      is_good ? Style::plain : Style::warning);
  for (const auto& fault : report.faults) add(to_text(fault.kind), fault.text, Style::bad);
  if (const auto servers = sources_in_words(engine); !servers.empty()) add("servers", servers);
  add("queries", queries_in_words(engine, terminal));
  if (engine.dnssec) add("dnssec", dnssec_in_words(*engine.dnssec));
  if (const auto quota = quota_in_words(engine, terminal); !quota.empty()) add("quota", quota);
  add("memory", memory_in_words(engine, terminal));
  add("problem", last_problem_in_words(engine));
  add("engine", fmt::format("version {}, process {}, up {}, on {}", engine.version, engine.pid,
                            format_uptime(engine.uptime_seconds), listen_in_words(engine)));
  if (const auto dropped = engine.linklocal_allowance_exceeded; dropped && *dropped > 0) {
    add("network",
        fmt::format("{} to link-local services dropped by EC2 for exceeding 1,024 per "
                    "second (linklocal_allowance_exceeded)",
                    format_counted(*dropped, "packet")),
        Style::warning);
  }
  if (!report.units.empty()) add("units", report.units);
  for (const auto& path : report.changed_files) {
    if (path == resolv_conf_path && !report.path.overwritten.empty()) continue;
    add("drift", path + " was changed since setup; 'dnscachectl setup' repairs it", Style::warning);
  }
  return out + '\n' + upstream_table(engine, terminal).to_text(terminal);
}

bool StatusReport::is_working() const {
  return probe.is_answer() && (!program || cli::is_working(*program)) && faults.empty() &&
         engine.configuration.problems.empty();
}

nlohmann::json to_json(const StatusReport& report) {
  auto program = nlohmann::json::object();
  if (report.program) {
    program = {{"working", is_working(*report.program)},
               {"status", to_text(report.program->status)},
               {"addresses", report.program->addresses.size()},
               {"milliseconds", report.program->milliseconds}};
    if (!report.program->error.empty()) program["error"] = report.program->error;
  }
  auto servers = nlohmann::json::array();
  for (const auto& server : report.path.servers) servers.push_back(server.to_text());
  auto faults = nlohmann::json::array();
  for (const auto& fault : report.faults) {
    faults.push_back({{"kind", to_text(fault.kind)}, {"text", fault.text}});
  }
  return {{"schema", 1},
          {"running", true},
          {"answering", report.probe.is_answer()},
          {"probe",
           {{"name", report.probe_name},
            {"server", report.probe_server.to_text()},
            {"outcome", to_text(report.probe.outcome)},
            {"milliseconds", report.probe.duration.count()}}},
          {"programs", program},
          {"problem", last_problem_in_words(report.engine)},
          {"lookups",
           {{"through_cache", report.path.is_through_cache && !report.path.rotates},
            {"servers", servers},
            {"words", report.path.in_words()}}},
          {"faults", faults},
          {"units", report.units},
          {"changed_files", report.changed_files},
          {"engine", report.engine.reply}};
}

namespace {

// Whether lookups should come to the cache: an engine may run here for others alone.
bool is_set_up() {
  const auto journal = Journal::peek({});
  return journal && !journal->is_empty() && !journal->cut_off_at();
}

// Another program's servers are asked because it wants it so; the cache follows them.
void note_author(StatusReport& report, const std::string& resolv_conf) {
  auto& path = report.path;
  if (path.is_through_cache || path.is_through_resolved) return;
  ResolvConfFacts facts;
  facts.content = resolv_conf;
  const auto author = author_of(facts);
  const bool is_changed = std::ranges::count(report.changed_files, resolv_conf_path) > 0;
  if (!is_changed && !author.is_vpn) return;
  path.overwritten = fmt::format("{} has written /etc/resolv.conf since setup; {}",
                                 author.name.empty() ? "another program" : author.name,
                                 author.is_vpn ? "when its tunnel ends, they go to this cache again"
                                               : "'dnscachectl setup' puts this cache first again");
}

Result<StatusReport> report_of(const EngineStatus& engine, const std::string& name) {
  if (engine.listen.empty()) return Error{"the engine does not say where it listens"};
  StatusReport report;
  report.engine = engine;
  report.probe_name = name;
  report.probe_server = reachable(engine.listen.front());
  report.probe = look_up(report.probe_server, name);
  report.program = look_up_addresses(name.ends_with('.') ? name : name + '.', AF_UNSPEC);
  const auto resolv_conf = read_text_file(resolv_conf_path);
  report.path = lookup_path(resolv_conf ? *resolv_conf : "", engine.listen);
  const auto system = read_system_facts({});
  follow_stub(report.path, system, engine.listen);
  report.units = units_in_words(system);
  report.changed_files = changed_files();
  note_author(report, resolv_conf ? *resolv_conf : "");
  return report;
}

std::vector<RouteFault> check_lookups(const std::filesystem::path& control,
                                      const StatusReport& report) {
  auto faults = check_routes(control, report.probe_name);
  // Where another program has written resolv.conf, the line about lookups says it.
  const bool comes_here = is_set_up() && report.path.overwritten.empty();
  if (!comes_here || !report.probe.is_answer()) return faults;
  const ProbeQuestion probe{report.probe_name};
  for (auto& fault : check_bypass(control, probe, report.path.is_through_resolved)) {
    faults.push_back(std::move(fault));
  }
  return faults;
}

// Before glibc's resolver is used: a screen that comes after twenty seconds is none.
void be_impatient() {
  const char* options = std::getenv("RES_OPTIONS");
  const auto impatient = fmt::format("{} timeout:2 attempts:1", options == nullptr ? "" : options);
  ::setenv("RES_OPTIONS", impatient.c_str(), 1);
}

Result<ExitCode> watch_status(const StatusOptions& options) {
  const auto socket = control_path(options.control);
  const auto watched =
      watch(std::chrono::seconds(1), [&](const Terminal& terminal) -> Result<std::string> {
        const auto engine = engine_status(socket);
        if (!engine) return engine.error();
        const auto report = report_of(*engine, options.name);
        if (!report) return report.error();
        return to_text(*report, terminal);
      });
  if (!watched) return watched.error();
  return ExitCode::done;
}

}  // namespace

Result<ExitCode> run_status(const StatusOptions& options) {
  if (!Name::parse(options.name)) {
    return Error{fmt::format("'{}' is not a domain name", options.name), ExitCode::usage};
  }
  be_impatient();
  if (options.is_watching) return watch_status(options);
  auto engine = engine_status(control_path(options.control));
  if (!engine) {
    if (options.is_json && engine.error().code == ExitCode::not_running) {
      print_json({{"schema", 1}, {"running", false}});
    }
    return engine.error();
  }
  Progress progress(fmt::format("looking up {}", options.name), options.is_json);
  auto report = report_of(*engine, options.name);
  if (report) report->faults = check_lookups(control_path(options.control), *report);
  progress.finish();
  if (!report) return report.error();
  if (options.is_json) {
    print_json(to_json(*report));
  } else {
    print(to_text(*report, Terminal::of(STDOUT_FILENO)));
  }
  return report->is_working() ? ExitCode::done : ExitCode::check_failed;
}

}  // namespace dnscache::cli
