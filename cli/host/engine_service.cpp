#include "cli/host/engine_service.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fmt/format.h>
#include <fstream>
#include <thread>

#include "cli/host/engine_process.hpp"
#include "cli/host/journal.hpp"
#include "cli/host/systemd/facts.hpp"
#include "cli/host/tool.hpp"
#include "dbus/systemd.hpp"

namespace dnscache::cli {

namespace {

using Clock = std::chrono::system_clock;

constexpr const char* pause_file = "/run/dnscachectl-paused";
constexpr const char* resume_unit = "dnscachectl-resume";

bool never() { return false; }

template <class Do>
Result<void> with_systemd(Do what) {
  auto bus = dbus::Bus::connect();
  if (!bus) return bus.error();
  dbus::Systemd systemd(*bus);
  return what(systemd);
}

Result<void> start_process() {
  const auto files = engine_files({});
  if (!find_engines(files.config).empty()) return {};
  const auto started = start_engine(files, never);
  return started ? Result<void>() : started.error();
}

bool is_set_up() {
  const auto journal = Journal::peek({});
  return journal && !journal->is_empty();
}

// Outlives the command that asked for it. Whoever removes the file, or the cache, ends the wait.
Result<void> start_process_after() {
  const pid_t child = ::fork();
  if (child < 0) return system_error("cannot start a process", errno);
  if (child > 0) return {};
  ::setsid();
  for (int fd = 0; fd < 3; ++fd) ::close(fd);
  (void)::open("/dev/null", O_RDWR);
  ::signal(SIGHUP, SIG_IGN);
  while (paused_until()) std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const bool is_over = ::unlink(pause_file) == 0;
  ::_exit(!is_over || !is_set_up() || start_process() ? 0 : 1);
}

void note_pause(std::chrono::seconds delay) {
  const auto end = Clock::now() + delay;
  std::ofstream(pause_file) << Clock::to_time_t(end) << '\n';
}

}  // namespace

Result<EngineService> EngineService::of_this_machine(const std::string& command) {
  if (::geteuid() != 0) {
    return Error{fmt::format("only root may do this: sudo dnscachectl {}", command),
                 ExitCode::no_rights};
  }
  const auto system = read_system_facts({});
  const auto* unit = system.unit(service_unit);
  if (system.has_systemd && unit != nullptr && unit->exists()) return EngineService(true);
  const auto journal = Journal::peek({});
  if (journal && !journal->is_empty()) return EngineService(false);
  return Error{"the cache is not set up on this machine; run 'dnscachectl setup'",
               ExitCode::not_running};
}

Result<void> EngineService::start() const {
  cancel_start();
  if (!is_unit_) return start_process();
  return with_systemd([](dbus::Systemd& systemd) {
    (void)systemd.reset_failed(service_unit);
    return systemd.start(service_unit);
  });
}

Result<void> EngineService::stop() const {
  cancel_start();
  if (!is_unit_) return stop_engines(engine_files({}).config);
  // The service goes with its socket.
  return with_systemd([](dbus::Systemd& systemd) { return systemd.stop(socket_unit); });
}

Result<void> EngineService::restart() const {
  cancel_start();
  if (!is_unit_) {
    if (const auto stopped = stop(); !stopped) return stopped;
    return start();
  }
  return with_systemd([](dbus::Systemd& systemd) {
    (void)systemd.reset_failed(service_unit);
    return systemd.restart(service_unit);
  });
}

Result<void> EngineService::start_after(std::chrono::seconds delay) const {
  cancel_start();
  if (!is_unit_) {
    note_pause(delay);
    return start_process_after();
  }
  const auto timer =
      run_tool({"systemd-run", "--quiet", "--collect", fmt::format("--unit={}", resume_unit),
                fmt::format("--on-active={}s", delay.count()), "--timer-property=AccuracySec=100ms",
                "systemctl", "start", service_unit});
  if (timer) note_pause(delay);
  return timer;
}

void EngineService::cancel_start() const {
  ::unlink(pause_file);
  if (!is_unit_) return;
  (void)with_systemd(
      [](dbus::Systemd& systemd) { return systemd.stop(fmt::format("{}.timer", resume_unit)); });
}

std::optional<Clock::time_point> paused_until() {
  std::ifstream file(pause_file);
  std::time_t seconds = 0;
  if (!(file >> seconds)) return std::nullopt;
  const auto end = Clock::from_time_t(seconds);
  return end > Clock::now() ? std::optional(end) : std::nullopt;
}

}  // namespace dnscache::cli
