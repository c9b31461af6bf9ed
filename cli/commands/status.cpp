#include "cli/commands/status.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fmt/format.h>
#include <thread>

#include "cli/command_line.hpp"
#include "cli/host/apply.hpp"
#include "cli/host/engine_service.hpp"
#include "cli/host/lookup_check.hpp"
#include "cli/host/resolv_conf_author.hpp"
#include "cli/show/watch.hpp"
#include "resolver/base/text.hpp"
#include "resolver/base/text_file.hpp"
#include "resolver/config/read.hpp"
#include "resolver/config/resolv_conf.hpp"
#include "resolver/config/values.hpp"
#include "resolver/wire/name.hpp"

namespace dnscache::cli {

namespace {

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

/// Gathers reports, the upstreams' part not with each.
class Reporter {
 public:
  explicit Reporter(const StatusOptions& options)
      : options_(options), control_(control_path(options.control)) {}

  StatusReport report() {
    StatusReport report;
    const auto engine = engine_status(control_);
    if (engine) {
      report.engine = *engine;
    } else if (engine.error().code == ExitCode::not_running) {
      report.is_running = false;
      report.paused_until = paused_until();
    } else {
      report.engine_problem = engine.error().message;
    }
    look_at_machine(report);
    if (engine && !report.engine.listen.empty()) look_up(report);
    return report;
  }

  /// Takes some seconds where something is wrong.
  void add_faults(StatusReport& report) const {
    if (!report.is_running || !report.engine_problem.empty()) return;
    report.faults = check_routes(control_);
    // Where another program has written resolv.conf, the line about lookups says it.
    const bool comes_here = report.is_set_up && report.path.overwritten.empty();
    if (!comes_here || !report.cache.is_answer()) return;
    for (auto& fault : check_bypass(control_, report.path.is_through_resolved)) {
      report.faults.push_back(std::move(fault));
    }
  }

 private:
  void look_at_machine(StatusReport& report) const {
    const auto resolv_conf = read_text_file(resolv_conf_path);
    const auto listen = report.engine.listen.empty() ? configured_listen() : report.engine.listen;
    report.path = lookup_path(resolv_conf ? *resolv_conf : "", listen);
    const auto system = read_system_facts({});
    follow_stub(report.path, system, listen);
    report.units = units_in_words(system);
    report.changed_files = changed_files();
    report.is_set_up = is_set_up();
    note_author(report, resolv_conf ? *resolv_conf : "");
  }

  static std::vector<Endpoint> configured_listen() {
    const auto reading = read_config_file(default_config_path);
    return reading ? reading.config.listen : default_listen();
  }

  void look_up(StatusReport& report) {
    const auto own_name =
        new_name_in(report.engine.probe_zone.empty() ? "localhost" : report.engine.probe_zone);
    report.name = options_.name.empty() ? own_name : options_.name;
    report.server = reachable(report.engine.listen.front());
    auto resolver =
        StubResolver::with_servers({report.server}, {.timeout_seconds = 5, .attempts = 1});
    if (resolver) report.cache = resolver->ask(own_name, ns_t_a);
    // Where programs are not meant to come here, nobody else is bothered with our names.
    if (report.is_for_programs() || !options_.name.empty()) look_up_as_programs(report);
    ask_upstreams(report);
  }

  void look_up_as_programs(StatusReport& report) const {
    const auto* final_dot = report.name.ends_with('.') ? "" : ".";
    report.program = look_up_addresses(report.name + final_dot, AF_UNSPEC);
    if (!options_.name.empty() || !report.is_program_answered()) return;
    report.asks_cache =
        std::ranges::count(report.program->addresses, IpAddress::v4(127, 0, 0, 1)) > 0;
  }

  // An upstream should not notice that somebody watches.
  void ask_upstreams(StatusReport& report) {
    constexpr auto interval = std::chrono::seconds(5);
    if (report.has_no_upstreams()) return;
    const auto now = std::chrono::steady_clock::now();
    if (!upstreams_ || now - asked_at_ >= interval) {
      const auto probe = probe_upstreams(control_);
      upstreams_ = probe ? std::optional(*probe) : std::nullopt;
      asked_at_ = now;
    }
    report.upstreams = upstreams_;
  }

  const StatusOptions& options_;
  std::filesystem::path control_;
  std::optional<UpstreamProbe> upstreams_;
  std::chrono::steady_clock::time_point asked_at_{};
};

// Before glibc's resolver is used: a screen that comes after twenty seconds is none.
void be_impatient() {
  const char* options = std::getenv("RES_OPTIONS");
  const auto impatient = fmt::format("{} timeout:2 attempts:1", options == nullptr ? "" : options);
  ::setenv("RES_OPTIONS", impatient.c_str(), 1);
}

constexpr std::chrono::seconds watch_interval{1};

// A line for each look, until somebody ends it or stops reading.
Result<ExitCode> watch_as_json(Reporter& reporter) {
  for (;;) {
    const auto begun_at = std::chrono::steady_clock::now();
    print(
        to_json(reporter.report()).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
        '\n');
    if (std::fflush(stdout) != 0) return system_error("cannot write", errno);
    std::this_thread::sleep_until(begun_at + watch_interval);
  }
}

Result<ExitCode> watch_status(const StatusOptions& options) {
  Reporter reporter(options);
  if (options.is_json) return watch_as_json(reporter);
  const auto watched = watch(watch_interval, [&](const Terminal& terminal) -> Result<std::string> {
    return to_text(reporter.report(), terminal);
  });
  if (!watched) return watched.error();
  return ExitCode::done;
}

}  // namespace

bool StatusReport::is_program_answered() const {
  return program &&
         (program->status == NssStatus::found || program->status == NssStatus::not_found);
}

bool StatusReport::has_no_upstreams() const {
  const auto all = std::ranges::find(engine.groups, ".", &ServerGroup::zone);
  return all != engine.groups.end() && all->servers.empty();
}

std::string StatusReport::lookups_without_cache() const {
  std::vector<std::string> others;
  for (std::size_t i = path.is_through_cache ? 1 : 0; i < path.servers.size(); ++i) {
    others.push_back(path.servers[i].address.to_text());
  }
  if (others.empty()) return "lookups fail: no other server is named";
  return "lookups go to " + join_words(others, "and");
}

namespace {

// For somebody who knows nothing yet: the help, and the first line of `status` without what takes
// its time where something is wrong.
Result<ExitCode> run_overview() {
  be_impatient();
  const StatusOptions options;
  const auto judgement = judge(Reporter(options).report());
  print(CommandLine().app().help());
  print(fmt::format("\nstatus: {}: {}\n", to_text(judgement.verdict), judgement.reason));
  return ExitCode::done;
}

// The exit code of the verdict, see judge().
Result<ExitCode> run_status(const StatusOptions& options) {
  if (!options.name.empty() && !Name::parse(options.name)) {
    return Error{fmt::format("'{}' is not a domain name", options.name), ExitCode::usage};
  }
  be_impatient();
  if (options.is_watching) return watch_status(options);
  Progress progress("looking at this machine's lookups", options.is_json);
  Reporter reporter(options);
  auto report = reporter.report();
  reporter.add_faults(report);
  progress.finish();
  if (options.is_json) {
    print_json(to_json(report));
  } else {
    print(to_text(report, Terminal::of(STDOUT_FILENO)));
  }
  return exit_code_of(judge(report).verdict);
}

Run declare(Arguments& arguments) {
  const auto options = std::make_shared<StatusOptions>();
  arguments.add("--name", options->name, "NAME",
                "Name to look up as programs do [one that only the cache knows]");
  arguments.add_flag("-w,--watch", options->is_watching,
                     "Refresh every second until q is pressed; with --json a line each second");
  arguments.add_json(options->is_json);
  return [options](const Invocation& invocation) {
    options->control = invocation.control;
    return run_status(*options);
  };
}

Run declare_overview(Arguments&) {
  return [](const Invocation&) { return run_overview(); };
}

}  // namespace

extern const Command status_command = {"status",
                                       "Show whether the cache works and lookups go through it",
                                       "dnscachectl status --watch", declare};
extern const Command overview_command = {"__overview", "What a line without a command prints",
                                         nullptr, declare_overview};

}  // namespace dnscache::cli
