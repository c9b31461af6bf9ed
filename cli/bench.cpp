#include "cli/bench.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <fmt/format.h>
#include <mutex>
#include <thread>

#include "cli/bench_report.hpp"
#include "cli/control_client.hpp"
#include "cli/endpoints.hpp"
#include "cli/host/journal.hpp"
#include "cli/output.hpp"
#include "cli/status.hpp"
#include "cli/stub_resolver.hpp"
#include "resolver/config/resolv_conf.hpp"
#include "resolver/config/text_file.hpp"
#include "resolver/wire/name.hpp"

namespace dnscache::cli {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t cold_rounds = 5;

volatile sig_atomic_t is_interrupted = 0;

void note_interrupt(int) { is_interrupted = 1; }

/// One question of the run.
struct Question {
  std::string name;
  std::uint16_t type = 0;
};

/// The parsed options.
struct Plan {
  std::vector<Question> questions;
  std::vector<Endpoint> before;
  std::string before_from;
  Endpoint cache;
  bool has_engine = false;
  std::filesystem::path control;
  std::uint32_t count = 0;
  std::uint32_t concurrency = 0;
  std::chrono::seconds limit{};
};

/// Lookups under way, shared with threads that may still wait in glibc when Ctrl-C ends the run.
struct Work {
  std::vector<Question> questions;
  std::size_t total = 0;
  Clock::time_point deadline;
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Lookup> done;
  std::size_t running_threads = 0;
};

void work_through(const std::shared_ptr<Work>& work, StubResolver resolver) {
  while (Clock::now() < work->deadline && is_interrupted == 0) {
    const auto index = work->next.fetch_add(1);
    if (index >= work->total) break;
    const auto& question = work->questions[index % work->questions.size()];
    const auto lookup = resolver.ask(question.name, question.type);
    const std::lock_guard lock(work->mutex);
    work->done.push_back(lookup);
    work->changed.notify_all();
  }
  const std::lock_guard lock(work->mutex);
  --work->running_threads;
  work->changed.notify_all();
}

void add_measurement(BenchPhase& phase, const Lookup& lookup) {
  if (!lookup.is_answer()) {
    phase.failed_ms.push_back(lookup.duration.count());
    return;
  }
  phase.answered_ms.push_back(lookup.duration.count());
  if (lookup.outcome != Outcome::answered) ++phase.without_data;
}

// Every question `rounds` times against `server`s; measurements are added to `phase`.
Result<void> measure(BenchPhase& phase, const Plan& plan, const std::vector<Endpoint>& servers,
                     std::size_t rounds, Progress& progress, Clock::time_point deadline) {
  const auto work = std::make_shared<Work>();
  work->questions = plan.questions;
  work->total = plan.questions.size() * rounds;
  work->deadline = deadline;
  const auto thread_count = std::min<std::size_t>(plan.concurrency, work->total);
  work->running_threads = thread_count;
  for (std::size_t i = 0; i < thread_count; ++i) {
    auto resolver = StubResolver::with_servers(servers);
    if (!resolver) return resolver.error();
    std::thread(work_through, work, std::move(*resolver)).detach();
  }
  const auto measured_before = phase.measured();
  std::unique_lock lock(work->mutex);
  while (work->running_threads > 0 && is_interrupted == 0) {
    work->changed.wait_for(lock, std::chrono::milliseconds(50));
    progress.set_done(measured_before + work->done.size(), phase.planned);
  }
  for (const auto& lookup : work->done) add_measurement(phase, lookup);
  return {};
}

std::optional<std::uint64_t> misses(const Plan& plan) {
  if (!plan.has_engine) return {};
  const auto status = engine_status(plan.control);
  return status ? std::optional(status->misses) : std::nullopt;
}

void note_passed_on(BenchPhase& phase, const Plan& plan, std::optional<std::uint64_t> former) {
  const auto now = misses(plan);
  if (former && now && *now >= *former) phase.passed_on = *now - *former;
}

bool flush_names(const Plan& plan) {
  if (!plan.has_engine) return false;
  return std::ranges::all_of(plan.questions, [&](const Question& question) {
    return bool(ask_engine(plan.control, {{"command", "flush"}, {"name", question.name}}));
  });
}

Result<BenchPhase> measure_before(const Plan& plan, bool is_quiet) {
  BenchPhase phase{"before", "before", plan.questions.size() * plan.count, {}, {}, 0, {}};
  Progress progress("looking up without the cache", is_quiet);
  const auto measured =
      measure(phase, plan, plan.before, plan.count, progress, Clock::now() + plan.limit);
  if (!measured) return measured.error();
  phase.passed_on = phase.measured();
  return phase;
}

Result<BenchPhase> measure_cold(const Plan& plan, bool is_quiet, bool& is_flushed) {
  is_flushed = flush_names(plan);
  const auto rounds = is_flushed ? std::min(plan.count, cold_rounds) : 1;
  BenchPhase phase{"cold", "cache, cold", plan.questions.size() * rounds, {}, {}, 0, {}};
  Progress progress("looking up through the cold cache", is_quiet);
  const auto former = misses(plan);
  const auto deadline = Clock::now() + plan.limit;
  for (std::uint32_t round = 0; round < rounds && is_interrupted == 0; ++round) {
    if (round > 0 && (Clock::now() >= deadline || !flush_names(plan))) break;
    const auto measured = measure(phase, plan, {plan.cache}, 1, progress, deadline);
    if (!measured) return measured.error();
  }
  note_passed_on(phase, plan, former);
  return phase;
}

Result<BenchPhase> measure_warm(const Plan& plan, bool is_quiet) {
  BenchPhase phase{"warm", "cache, warm", plan.questions.size() * plan.count, {}, {}, 0, {}};
  Progress progress("looking up through the warm cache", is_quiet);
  const auto former = misses(plan);
  const auto measured =
      measure(phase, plan, {plan.cache}, plan.count, progress, Clock::now() + plan.limit);
  if (!measured) return measured.error();
  note_passed_on(phase, plan, former);
  return phase;
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
Result<void> find_servers_before(Plan& plan, const BenchOptions& options,
                                 const std::optional<EngineStatus>& engine) {
  const auto wanted = parse_endpoints(options.servers, "--servers");
  if (!wanted) return wanted.error();
  if (!wanted->empty()) {
    plan.before = first_three(*wanted);
    plan.before_from = "--servers";
    return {};
  }
  const auto take = [&](std::vector<Endpoint> servers, const char* from) {
    std::erase(servers, plan.cache);
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

Result<std::vector<Question>> parse_questions(const BenchOptions& options) {
  std::vector<Question> questions;
  for (const auto& name : options.names) {
    const auto parsed = Name::parse(name);
    if (!parsed) return Error{fmt::format("'{}' is not a domain name", name), ExitCode::usage};
    for (const auto& text : options.types) {
      const auto type = parse_type(text);
      if (!type) {
        return Error{fmt::format("'{}' is not a record type, as in A, AAAA or MX", text),
                     ExitCode::usage};
      }
      questions.push_back({parsed->to_text(), *type});
    }
  }
  return questions;
}

Result<Plan> make_plan(const BenchOptions& options) {
  Plan plan;
  const auto questions = parse_questions(options);
  if (!questions) return questions.error();
  plan.questions = *questions;
  plan.count = options.count;
  plan.concurrency = options.concurrency;
  plan.limit = std::chrono::seconds(options.limit);
  plan.control = control_path(options.control);

  const auto status = engine_status(plan.control);
  std::optional<EngineStatus> engine;
  if (status) engine = *status;
  if (!options.cache.empty()) {
    const auto cache = parse_endpoints({options.cache}, "--cache");
    if (!cache) return cache.error();
    plan.cache = cache->front();
  } else if (!engine) {
    return status.error();
  } else if (engine->listen.empty()) {
    return Error{"the engine does not say where it listens; say it with --cache"};
  } else {
    plan.cache = reachable(engine->listen.front());
  }
  plan.has_engine = engine && std::ranges::any_of(engine->listen, [&](const Endpoint& listen) {
                      return reachable(listen) == plan.cache;
                    });
  const auto found = find_servers_before(plan, options, engine);
  if (!found) return found.error();
  return plan;
}

Result<BenchReport> run_phases(const Plan& plan, const BenchOptions& options) {
  BenchReport report;
  report.names = options.names;
  report.types = options.types;
  for (const auto& server : plan.before) report.before_servers.push_back(server.to_text());
  report.servers_from = plan.before_from;
  report.cache = plan.cache.to_text();
  report.limit_seconds = options.limit;
  const auto add = [&](const Result<BenchPhase>& phase) {
    if (phase && phase->measured() > 0) report.phases.push_back(*phase);
    return bool(phase);
  };
  auto before = measure_before(plan, options.is_json);
  if (!add(before)) return before.error();
  if (is_interrupted == 0) {
    auto cold = measure_cold(plan, options.is_json, report.is_flushed);
    if (!add(cold)) return cold.error();
  }
  if (is_interrupted == 0) {
    auto warm = measure_warm(plan, options.is_json);
    if (!add(warm)) return warm.error();
  }
  report.is_interrupted = is_interrupted != 0;
  return report;
}

}  // namespace

Result<ExitCode> run_bench(const BenchOptions& options) {
  const auto plan = make_plan(options);
  if (!plan) return plan.error();
  struct sigaction action {};
  action.sa_handler = note_interrupt;
  action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);  // the second Ctrl-C ends at once
  sigaction(SIGINT, &action, nullptr);
  const auto report = run_phases(*plan, options);
  if (!report) return report.error();
  if (options.is_json) {
    print_json(to_json(*report));
  } else {
    print(to_text(*report, Terminal::of(STDOUT_FILENO)));
  }
  // A shell wants to see that Ctrl-C ended us, and threads may still wait inside glibc.
  if (report->is_interrupted) (void)::raise(SIGINT);
  const auto* warm = report->phase("warm");
  return warm != nullptr && !warm->answered_ms.empty() ? ExitCode::done : ExitCode::failure;
}

}  // namespace dnscache::cli
