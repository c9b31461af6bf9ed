// `dnscachectl restart`, `stop`, `pause`, `resume` and `logs`: the engine as a service.
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <string>
#include <thread>
#include <vector>

#include "cli/ask/control_client.hpp"
#include "cli/command.hpp"
#include "cli/host/engine_process.hpp"
#include "cli/host/engine_service.hpp"
#include "cli/host/journal.hpp"
#include "cli/host/lookup_path.hpp"
#include "cli/host/systemd/facts.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/error.hpp"
#include "resolver/base/text.hpp"
#include "resolver/base/text_file.hpp"
#include "resolver/config/read.hpp"
#include "resolver/config/resolv_conf.hpp"
#include "resolver/config/values.hpp"

namespace dnscache::cli {

namespace {

/// What these commands were asked.
struct ServiceOptions {
  std::filesystem::path control;  ///< empty: what the configuration says
  std::string pause_time = "5m";
  unsigned lines = 20;  ///< of the log
  std::string since;    ///< as journalctl(1) reads it; empty: the last lines
  bool is_following = false;
};

using namespace std::chrono_literals;

constexpr auto start_patience = 10s;
constexpr auto longest_pause = 24h;

// Where lookups go while the engine does not run.
void print_path() {
  const auto resolv_conf = read_text_file(resolv_conf_path);
  const auto reading = read_config_file(default_config_path);
  const auto listen = reading ? reading.config.listen : default_listen();
  auto path = lookup_path(resolv_conf ? *resolv_conf : "", listen);
  follow_stub(path, read_system_facts({}), listen);
  std::vector<std::string> others;
  for (std::size_t i = path.is_through_cache ? 1 : 0; i < path.servers.size(); ++i) {
    others.push_back(path.servers[i].address.to_text());
  }
  print_note(others.empty() ? "lookups fail now: no other server is named"
                            : "lookups go to " + join_words(others, "and") + " now");
}

Result<ExitCode> wait_for_engine(const std::filesystem::path& control) {
  const auto deadline = std::chrono::steady_clock::now() + start_patience;
  for (;;) {
    const auto engine = engine_status(control);
    if (engine) {
      print_note(fmt::format("process {} answers", engine->pid));
      return ExitCode::done;
    }
    if (std::chrono::steady_clock::now() >= deadline) return engine.error();
    std::this_thread::sleep_for(50ms);
  }
}

Result<std::chrono::seconds> pause_of(const std::string& text) {
  const bool is_number = text.find_first_not_of("0123456789") == text.npos;
  const auto duration = parse_duration(is_number ? text + 's' : text);
  const auto wrong = [&] {
    return Error{fmt::format("'{}' is no time between 1s and 24h, such as 5m", printable(text)),
                 ExitCode::usage};
  };
  if (!duration) return wrong();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*duration);
  if (seconds < 1s || seconds > longest_pause) return wrong();
  return seconds;
}

Result<ExitCode> execute(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  return system_error("cannot run " + words.front(), errno);
}

Result<ExitCode> run_restart(const ServiceOptions& options) {
  const auto service = EngineService::of_this_machine("restart");
  if (!service) return service.error();
  if (const auto restarted = service->restart(); !restarted) return restarted.error();
  return wait_for_engine(control_path(options.control));
}

Result<ExitCode> run_stop(const ServiceOptions&) {
  const auto service = EngineService::of_this_machine("stop");
  if (!service) return service.error();
  if (const auto stopped = service->stop(); !stopped) return stopped.error();
  print_path();
  print_note("'dnscachectl restart' starts the cache again");
  return ExitCode::done;
}

// The end of the pause is arranged first: whatever happens then, the cache comes back.
Result<ExitCode> run_pause(const ServiceOptions& options) {
  const auto time = pause_of(options.pause_time);
  if (!time) return time.error();
  const auto service = EngineService::of_this_machine("pause " + options.pause_time);
  if (!service) return service.error();
  if (const auto stopped = service->stop(); !stopped) return stopped.error();
  if (const auto arranged = service->start_after(*time); !arranged) {
    (void)service->start();
    return arranged.error();
  }
  print_path();
  const auto end = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + *time);
  print_note(fmt::format("the cache starts again at {:%H:%M:%S}, or with 'dnscachectl resume'",
                         fmt::localtime(end)));
  return ExitCode::done;
}

Result<ExitCode> run_resume(const ServiceOptions& options) {
  const auto service = EngineService::of_this_machine("resume");
  if (!service) return service.error();
  if (const auto started = service->start(); !started) return started.error();
  return wait_for_engine(control_path(options.control));
}

// journalctl takes the place of this process.
Result<ExitCode> run_logs(const ServiceOptions& options) {
  const auto system = read_system_facts({});
  const auto* unit = system.unit(service_unit);
  const bool is_unit = system.has_systemd && unit != nullptr && unit->exists();
  std::vector<std::string> words;
  if (is_unit) {
    words = {"journalctl", "--unit=dnscachectl.service", "--unit=dnscachectl.socket",
             "--unit=dnscachectl-source.service"};
    words.push_back(options.since.empty() ? fmt::format("--lines={}", options.lines)
                                          : "--since=" + options.since);
  } else {
    if (!options.since.empty()) {
      return Error{"--since needs the journal of systemd; use --lines", ExitCode::usage};
    }
    words = {"tail", fmt::format("--lines={}", options.lines)};
  }
  if (options.is_following) words.push_back("--follow");
  if (!is_unit) words.push_back(engine_files({}).log.string());
  return execute(words);
}

using RunService = Result<ExitCode> (*)(const ServiceOptions&);

Run run_later(const std::shared_ptr<ServiceOptions>& options, RunService run) {
  return [options, run](const Invocation& invocation) {
    options->control = invocation.control;
    return run(*options);
  };
}

Run declare_restart(Arguments&) {
  return run_later(std::make_shared<ServiceOptions>(), run_restart);
}

Run declare_stop(Arguments&) { return run_later(std::make_shared<ServiceOptions>(), run_stop); }

Run declare_pause(Arguments& arguments) {
  const auto options = std::make_shared<ServiceOptions>();
  arguments.add("time", options->pause_time, "TIME", "How long, as in 30s or 5m")
      ->capture_default_str();
  return run_later(options, run_pause);
}

Run declare_resume(Arguments&) { return run_later(std::make_shared<ServiceOptions>(), run_resume); }

Run declare_logs(Arguments& arguments) {
  const auto options = std::make_shared<ServiceOptions>();
  arguments.add("-n,--lines", options->lines, "N", "Number of lines")->capture_default_str();
  arguments.add("--since", options->since, "TIME", "Lines since then, as journalctl(1) reads it");
  arguments.add_flag("-f,--follow", options->is_following, "Go on with new lines");
  return run_later(options, run_logs);
}

}  // namespace

extern const Command restart_command = {"restart",
                                        "Restart the cache, or start it; no query is lost",
                                        "sudo dnscachectl restart", declare_restart};
extern const Command stop_command = {"stop", "Stop the cache; lookups go past it until restart",
                                     "sudo dnscachectl stop", declare_stop};
extern const Command pause_command = {"pause", "Send lookups past the cache for a while",
                                      "sudo dnscachectl pause 10m", declare_pause};
extern const Command resume_command = {"resume", "End a pause", "sudo dnscachectl resume",
                                       declare_resume};
extern const Command logs_command = {"logs", "Show the log of the cache",
                                     "dnscachectl logs --follow", declare_logs};

}  // namespace dnscache::cli
