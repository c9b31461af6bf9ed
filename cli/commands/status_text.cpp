#include <algorithm>
#include <fmt/format.h>
#include <functional>

#include "cli/commands/status.hpp"
#include "cli/host/apply.hpp"
#include "resolver/base/text.hpp"
#include "resolver/config/resolv_conf.hpp"

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
      {{"SENT", "", true}, false, [](Of u, auto&) { return Cell(format_count(u.counters.sent)); }},
      {{"LOST", "", true},
       false,
       [](Of u, auto&) { return Cell(format_count(u.counters.timeouts)); }},
      {{"HEDGED", "", true},
       true,
       [](Of u, auto&) { return Cell(format_count(u.counters.hedged)); }},
      {{"WON", "", true}, true, [](Of u, auto&) { return Cell(format_count(u.counters.won)); }},
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

std::string cache_in_words(const StatusReport& report) {
  const auto took = format_milliseconds(report.cache.duration.count());
  if (report.cache.is_answer()) {
    return fmt::format("answers at {} in {}", report.server.to_text(), took);
  }
  return fmt::format("does not answer at {}: {}, after {}", report.server.to_text(),
                     to_text(report.cache.outcome), took);
}

std::string program_in_words(const StatusReport& report) {
  const auto& program = *report.program;
  const auto took = format_milliseconds(program.milliseconds);
  if (!report.is_program_answered()) {
    return fmt::format("cannot look up {}: {}, after {}", report.name, program.error, took);
  }
  if (report.asks_cache) {
    return *report.asks_cache ? fmt::format("get the cache's answer in {}", took)
                              : "get answers, but not from this cache";
  }
  if (program.status == NssStatus::not_found) {
    return fmt::format("are told in {} that there is no {}", took, report.name);
  }
  return fmt::format("get {} for {} in {}", format_counted(program.addresses.size(), "address"),
                     report.name, took);
}

std::string upstreams_in_words(const UpstreamProbe& probe) {
  const auto took = format_milliseconds(probe.took_ms);
  if (probe.is_answered()) {
    return fmt::format("{} answered {} in {}", probe.upstream.empty() ? "one" : probe.upstream,
                       probe.question, took);
  }
  if (probe.outcome == "failed") {
    return fmt::format("answer {} with {}, after {}", probe.question, probe.rcode, took);
  }
  if (probe.outcome == "bogus") return fmt::format("answer {}, but not validly", probe.question);
  if (probe.outcome == "over_quota") return "not asked: their quota is used up";
  return fmt::format("did not answer {}, after {}", probe.question, took);
}

std::string memory_in_words(const EngineStatus& engine, const Terminal& terminal) {
  const auto share =
      engine.cache_size_bytes == 0
          ? 0
          : static_cast<double>(engine.cache_bytes) / static_cast<double>(engine.cache_size_bytes);
  auto text =
      fmt::format("{} {} in {} of {}, {} evicted", bar(terminal, std::max(share, 0.02), 10),
                  format_counted(engine.entries, "answer"), format_bytes(engine.cache_bytes),
                  format_bytes(engine.cache_size_bytes), format_count(engine.evictions));
  if (engine.memory_limit == 0) return text;
  text += fmt::format("; process {} of {}", format_bytes(engine.resident_memory),
                      format_bytes(engine.memory_limit));
  if (engine.dropped == 0) return text;
  return text +
         fmt::format(", {} dropped for want of room", format_counted(engine.dropped, "question"));
}

std::string queries_in_words(const EngineStatus& engine, const Terminal& terminal) {
  const QueryTotals& queries = engine.queries;
  const auto served = queries.hits + queries.stale + queries.misses;
  if (served == 0) return fmt::format("{}, none of them cacheable", format_count(queries.all()));
  const auto share =
      static_cast<double>(queries.hits + queries.stale) / static_cast<double>(served);
  auto text = fmt::format(
      "{}, {} {} from the cache: {} hit{}, {} miss{}", format_count(queries.all()),
      bar(terminal, share, 10), format_percent(share), format_count(queries.hits),
      queries.hits == 1 ? "" : "s", format_count(queries.misses), queries.misses == 1 ? "" : "es");
  if (queries.stale > 0) text += fmt::format(", {} stale", format_count(queries.stale));
  if (queries.servfail > 0) text += fmt::format(", {} failed", format_count(queries.servfail));
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
        "NOT in force, the last one that worked is: {}{}; after fixing it, run "
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

Style style_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return Style::good;
    case Verdict::degraded:
    case Verdict::bypassed:
      return Style::warning;
    default:
      return Style::bad;
  }
}

/// Lines under labels, wrapped to the terminal.
class Lines {
 public:
  explicit Lines(const Terminal& terminal) : terminal_(terminal) {}

  void add(std::string_view label, const std::string& text, Style style = Style::plain) {
    if (text.empty()) return;
    text_ += styled(terminal_, Style::strong, fmt::format("{:<9}", label)) +
             styled(terminal_, style, wrapped(terminal_, text, 9)) + '\n';
  }
  const std::string& text() const { return text_; }

 private:
  Terminal terminal_;
  std::string text_;
};

void add_lookups(Lines& lines, const StatusReport& report) {
  if (report.cache.is_answer() || report.engine_problem.empty()) {
    lines.add("cache", cache_in_words(report),
              report.cache.is_answer() ? Style::plain : Style::bad);
  }
  if (report.program) {
    const bool is_good = report.is_program_answered() && report.asks_cache.value_or(true);
    lines.add("programs", program_in_words(report),
              is_good || !report.is_for_programs() ? Style::plain : Style::bad);
  }
  if (report.upstreams) {
    lines.add("upstream", upstreams_in_words(*report.upstreams),
              report.upstreams->is_answered() ? Style::plain : Style::bad);
  }
  const bool is_good = report.path.is_through_cache && !report.path.rotates;
  lines.add("lookups", "on this machine " + report.path.in_words(),
            is_good ? Style::plain : Style::warning);
  for (const auto& fault : report.faults) lines.add(to_text(fault.kind), fault.text, Style::bad);
}

void add_engine(Lines& lines, const EngineStatus& engine, const Terminal& terminal) {
  lines.add("servers", sources_in_words(engine));
  lines.add("queries", queries_in_words(engine, terminal));
  if (engine.dnssec) lines.add("dnssec", dnssec_in_words(*engine.dnssec));
  lines.add("quota", quota_in_words(engine, terminal));
  lines.add("memory", memory_in_words(engine, terminal));
  lines.add("problem", last_problem_in_words(engine));
  lines.add("engine",
            fmt::format("version {}, process {}, up {}, on {}", engine.version, engine.pid,
                        format_uptime(engine.uptime_seconds), listen_in_words(engine)));
  if (const auto dropped = engine.linklocal_allowance_exceeded; dropped && *dropped > 0) {
    lines.add("network",
              fmt::format("{} to link-local services dropped by EC2 for exceeding 1,024 per "
                          "second (linklocal_allowance_exceeded)",
                          format_counted(*dropped, "packet")),
              Style::warning);
  }
}

void add_machine(Lines& lines, const StatusReport& report) {
  lines.add("units", report.units);
  for (const auto& path : report.changed_files) {
    if (path == resolv_conf_path && !report.path.overwritten.empty()) continue;
    lines.add("drift", path + " was changed since setup; 'dnscachectl setup' repairs it",
              Style::warning);
  }
}

}  // namespace

std::string to_text(const StatusReport& report, const Terminal& terminal) {
  const auto judgement = judge(report);
  const auto& configuration = report.engine.configuration;
  const bool is_told = report.is_running && report.engine_problem.empty();
  Lines lines(terminal);
  lines.add("status", fmt::format("{}: {}", to_text(judgement.verdict), judgement.reason),
            style_of(judgement.verdict));
  if (is_told) {
    lines.add("config", configuration_in_words(configuration),
              configuration.problems.empty() ? Style::warning : Style::bad);
    add_lookups(lines, report);
    add_engine(lines, report.engine, terminal);
  }
  add_machine(lines, report);
  if (!is_told) return lines.text();
  return lines.text() + '\n' + upstream_table(report.engine, terminal).to_text(terminal);
}

namespace {

nlohmann::json program_as_json(const StatusReport& report) {
  nlohmann::json program = {{"name", report.name},
                            {"working", report.is_program_answered()},
                            {"status", to_text(report.program->status)},
                            {"addresses", report.program->addresses.size()},
                            {"took_ms", report.program->milliseconds}};
  if (report.asks_cache) program["asks_cache"] = *report.asks_cache;
  if (!report.program->error.empty()) program["error"] = report.program->error;
  return program;
}

nlohmann::json upstreams_as_json(const UpstreamProbe& probe) {
  nlohmann::json upstreams = {
      {"question", probe.question}, {"outcome", probe.outcome}, {"took_ms", probe.took_ms}};
  if (!probe.rcode.empty()) upstreams["rcode"] = probe.rcode;
  if (!probe.upstream.empty()) upstreams["upstream"] = probe.upstream;
  return upstreams;
}

nlohmann::json faults_as_json(const std::vector<RouteFault>& found) {
  auto faults = nlohmann::json::array();
  for (const auto& fault : found) {
    faults.push_back({{"kind", to_text(fault.kind)}, {"text", fault.text}});
  }
  return faults;
}

}  // namespace

nlohmann::json to_json(const StatusReport& report) {
  const auto judgement = judge(report);
  auto servers = nlohmann::json::array();
  for (const auto& server : report.path.servers) servers.push_back(server.to_text());
  nlohmann::json document = {
      {"schema", 1},
      {"verdict", to_text(judgement.verdict)},
      {"reason", judgement.reason},
      {"running", report.is_running},
      {"lookups",
       {{"through_cache",
         report.is_running && report.path.is_through_cache && !report.path.rotates},
        {"servers", servers},
        {"words", report.is_running ? report.path.in_words() : report.lookups_without_cache()}}},
      {"units", report.units},
      {"changed_files", report.changed_files}};
  if (!report.is_running || !report.engine_problem.empty()) return document;
  document["answering"] = report.cache.is_answer();
  document["cache"] = {{"server", report.server.to_text()},
                       {"outcome", to_text(report.cache.outcome)},
                       {"took_ms", report.cache.duration.count()}};
  if (report.program) document["programs"] = program_as_json(report);
  if (report.upstreams) document["upstreams"] = upstreams_as_json(*report.upstreams);
  document["problem"] = last_problem_in_words(report.engine);
  document["faults"] = faults_as_json(report.faults);
  document["engine"] = report.engine.reply;
  return document;
}

}  // namespace dnscache::cli
