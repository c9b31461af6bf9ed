#include "dbus/systemd.hpp"

#include <poll.h>

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>

#include "dbus/call.hpp"
#include "dbus/org.freedesktop.systemd1.proxy.hpp"

namespace dnscache::dbus {
namespace {

namespace systemd1 = org::freedesktop::systemd1;
using Clock = std::chrono::steady_clock;

using UnitProxy = Proxy<systemd1::Unit_proxy>;
using ServiceProxy = Proxy<systemd1::Service_proxy>;
using SocketProxy = Proxy<systemd1::Socket_proxy>;

/// The manager object, which also notes how each job ends.
class Manager : public Proxy<systemd1::Manager_proxy> {
 public:
  explicit Manager(Bus::Connection& connection)
      : Proxy(connection, systemd_service), bus_(*connection.bus) {}
  ~Manager() { unregisterProxy(); }

  /// systemd sends signals only to those who asked for them, once per connection.
  void subscribe() {
    registerProxy();
    try {
      Subscribe();
    } catch (const sdbus::Error& error) {
      if (error.getName() != "org.freedesktop.systemd1.AlreadySubscribed") throw;
    }
  }

  /// The result of a job, org.freedesktop.systemd1(5) JobRemoved; none: not within the limit.
  std::optional<std::string> wait(const std::string& job, std::chrono::milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    for (;;) {
      while (bus_.processPendingRequest()) {
      }
      if (auto found = results_.find(job); found != results_.end()) return found->second;
      auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      if (left <= 0ms) return std::nullopt;
      poll_once(left);
    }
  }

 private:
  void onJobRemoved(const std::uint32_t&, const sdbus::ObjectPath& job, const std::string&,
                    const std::string& result) override {
    results_[job] = result;
  }

  void poll_once(std::chrono::milliseconds limit) {
    auto data = bus_.getEventLoopPollData();
    pollfd ready{data.fd, data.events, 0};
    auto bus_wants = data.getPollTimeout();
    auto wait = static_cast<int>(limit.count());
    ::poll(&ready, 1, bus_wants < 0 ? wait : std::min(bus_wants, wait));
  }

  sdbus::IConnection& bus_;
  std::map<std::string, std::string> results_;  // by job path
};

std::optional<std::chrono::system_clock::time_point> time_point(std::uint64_t microseconds) {
  if (microseconds == 0) return std::nullopt;
  return std::chrono::system_clock::time_point(std::chrono::microseconds(microseconds));
}

bool is_a(const std::string& name, std::string_view type) { return name.ends_with(type); }

UnitState read_unit(Bus::Connection& connection, const std::string& name) {
  auto path = Manager(connection).LoadUnit(name);
  UnitProxy unit(connection, systemd_service, path);
  UnitState state;
  state.name = name;
  state.load_state = unit.LoadState();
  state.active_state = unit.ActiveState();
  state.sub_state = unit.SubState();
  state.unit_file_state = unit.UnitFileState();
  state.file = unit.FragmentPath();
  for (const auto& file : unit.DropInPaths()) state.drop_ins.emplace_back(file);
  state.active_since = time_point(unit.ActiveEnterTimestamp());
  state.can_reload = unit.CanReload();
  state.needs_daemon_reload = unit.NeedDaemonReload();
  if (is_a(name, ".service")) {
    ServiceProxy service(connection, systemd_service, path);
    state.result = service.Result();
    state.restarts = service.NRestarts();
    state.main_pid = static_cast<pid_t>(service.MainPID());
  } else if (is_a(name, ".socket")) {
    state.result = SocketProxy(connection, systemd_service, path).Result();
  }
  return state;
}

}  // namespace

enum class Systemd::Verb { start, stop, restart, reload };

Result<std::string> Systemd::version() {
  return attempt(*connection_, systemd_service, "read the version of systemd",
                 [&] { return Manager(*connection_).Version(); });
}

Result<UnitState> Systemd::unit(const std::string& name) {
  return attempt(*connection_, systemd_service, "read the state of " + name,
                 [&] { return read_unit(*connection_, name); });
}

Result<bool> Systemd::has_job(const std::string& name) {
  return attempt(*connection_, systemd_service, "read the job of " + name, [&] {
    auto path = Manager(*connection_).LoadUnit(name);
    return std::get<0>(UnitProxy(*connection_, systemd_service, path).Job()) != 0;
  });
}

Result<void> Systemd::start(const std::string& name) { return run_job(Verb::start, name); }
Result<void> Systemd::stop(const std::string& name) { return run_job(Verb::stop, name); }
Result<void> Systemd::restart(const std::string& name) { return run_job(Verb::restart, name); }
Result<void> Systemd::reload(const std::string& name) { return run_job(Verb::reload, name); }

Result<void> Systemd::restart_soon(const std::string& name) {
  return attempt(*connection_, systemd_service, "restart " + name,
                 [&] { Manager(*connection_).RestartUnit(name, "replace"); });
}

Result<void> Systemd::run_job(Verb verb, const std::string& name) {
  static constexpr const char* words[]{"start", "stop", "restart", "reload"};
  const auto action = fmt::format("{} {}", words[static_cast<int>(verb)], name);
  auto result = attempt(*connection_, systemd_service, action, [&] {
    Manager manager(*connection_);
    manager.subscribe();
    auto job = [&]() -> std::string {
      switch (verb) {
        case Verb::start:
          return manager.StartUnit(name, "replace");
        case Verb::stop:
          return manager.StopUnit(name, "replace");
        case Verb::restart:
          return manager.RestartUnit(name, "replace");
        case Verb::reload:
          return manager.ReloadUnit(name, "replace");
      }
      return {};
    }();
    return manager.wait(job, job_limit_);
  });
  if (!result) return result.error();
  if (!*result) {
    return Error{fmt::format("cannot {}: not done after {:g} s; see `systemctl status {}`", action,
                             std::chrono::duration<double>(job_limit_).count(), name)};
  }
  if (**result == "done" || **result == "skipped") return {};
  return job_error(action, name, **result);
}

Error Systemd::job_error(const std::string& action, const std::string& name,
                         const std::string& result) {
  auto state = unit(name);
  if (state && state->result == "start-limit-hit") {
    return {
        fmt::format("cannot {}: it was started too often in a short time (start-limit-hit); "
                    "`systemctl reset-failed {}` allows the next start",
                    action, name)};
  }
  auto why = result;
  if (state && !state->result.empty() && state->result != "success") {
    why += " (" + state->result + ")";
  }
  return {
      fmt::format("cannot {}: the job ended with: {}; see `journalctl -u {}`", action, why, name)};
}

Result<void> Systemd::reset_failed(const std::string& name) {
  return attempt(*connection_, systemd_service, "reset the failure of " + name, [&] {
    try {
      Manager(*connection_).ResetFailedUnit(name);
    } catch (const sdbus::Error& error) {
      if (error.getName() != "org.freedesktop.systemd1.NoSuchUnit") throw;
    }
  });
}

template <class Change>
Result<bool> Systemd::change_files(const char* verb, const std::vector<std::string>& names,
                                   Change change) {
  auto changed = attempt(*connection_, systemd_service,
                         fmt::format("{} {}", verb, fmt::join(names, ", ")), [&] {
                           Manager manager(*connection_);
                           return change(manager);
                         });
  if (!changed || !*changed) return changed;
  if (auto reloaded = daemon_reload(); !reloaded) return reloaded.error();
  return true;
}

Result<bool> Systemd::enable(const std::vector<std::string>& names) {
  return change_files("enable", names, [&](Manager& manager) {
    return !std::get<1>(manager.EnableUnitFiles(names, false, false)).empty();
  });
}

Result<bool> Systemd::disable(const std::vector<std::string>& names) {
  return change_files("disable", names, [&](Manager& manager) {
    return !manager.DisableUnitFiles(names, false).empty();
  });
}

Result<bool> Systemd::mask(const std::vector<std::string>& names) {
  return change_files("mask", names, [&](Manager& manager) {
    return !manager.MaskUnitFiles(names, false, false).empty();
  });
}

Result<bool> Systemd::unmask(const std::vector<std::string>& names) {
  return change_files("unmask", names, [&](Manager& manager) {
    return !manager.UnmaskUnitFiles(names, false).empty();
  });
}

Result<void> Systemd::daemon_reload() {
  // A reload re-reads every unit and runs the generators: seconds on a busy machine.
  return attempt(*connection_, systemd_service, "reload systemd's unit files", [&] {
    CallLimit limit(*connection_, job_limit_);
    Manager(*connection_).Reload();
  });
}

}  // namespace dnscache::dbus
