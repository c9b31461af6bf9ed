// systemd: the states of units, and changing them; see org.freedesktop.systemd1(5).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "dbus/bus.hpp"
#include "resolver/base/error.hpp"

namespace dnscache::dbus {

/// What systemd says about one unit, in its own words.
struct UnitState {
  std::string name;
  std::string load_state;       ///< loaded, not-found, masked, bad-setting, error
  std::string active_state;     ///< active, inactive, failed, activating, deactivating, reloading
  std::string sub_state;        ///< running, dead, listening, auto-restart, ...
  std::string unit_file_state;  ///< enabled, disabled, static, masked, ...; empty without a file
  std::string result;  ///< success, exit-code, watchdog, start-limit-hit, ...; services and sockets
  std::filesystem::path file;  ///< empty without one
  std::vector<std::filesystem::path> drop_ins;
  std::optional<std::chrono::system_clock::time_point>
      active_since;       ///< last time it became active
  unsigned restarts = 0;  ///< automatic ones since it was started; services only
  pid_t main_pid = 0;     ///< 0: none; services only
  bool can_reload = false;
  bool needs_daemon_reload = false;  ///< its file was changed after systemd read it

  bool exists() const { return load_state != "not-found"; }
  bool is_masked() const { return load_state == "masked"; }
  bool is_active() const { return active_state == "active" || active_state == "reloading"; }
};

/// The service manager of this machine; the Bus must outlive it.
class Systemd {
 public:
  /// `job_limit` is how long a start, stop or restart may take in all.
  explicit Systemd(Bus& bus, std::chrono::milliseconds job_limit = 30s)
      : connection_(&bus.connection()), job_limit_(job_limit) {}

  /// "252.39-1~deb12u2".
  Result<std::string> version();

  /// The state of a unit, "systemd-resolved.service", loaded or not; one that does not exist is a
  /// state as well.
  Result<UnitState> unit(const std::string& name);

  /// Something is about to be done with it, such as a stop.
  Result<bool> has_job(const std::string& name);

  // These wait until the job is done; the Error says how it ended and what the unit said.
  Result<void> start(const std::string& name);
  Result<void> stop(const std::string& name);
  Result<void> restart(const std::string& name);
  Result<void> reload(const std::string& name);
  /// Returns at once: its job may have to wait for one of the caller's own unit.
  Result<void> restart_soon(const std::string& name);

  /// Forgets a failure and the start limit's count; a unit that is not loaded needs none of it.
  Result<void> reset_failed(const std::string& name);

  // These change symlinks below /etc/systemd/system and make systemd read its files again.
  // True: something changed.
  Result<bool> enable(const std::vector<std::string>& names);
  Result<bool> disable(const std::vector<std::string>& names);
  Result<bool> mask(const std::vector<std::string>& names);
  Result<bool> unmask(const std::vector<std::string>& names);

  /// Makes systemd read its unit files again.
  Result<void> daemon_reload();

 private:
  enum class Verb;
  Result<void> run_job(Verb verb, const std::string& name);
  Error job_error(const std::string& action, const std::string& name, const std::string& result);
  template <class Change>
  Result<bool> change_files(const char* verb, const std::vector<std::string>& names, Change change);

  Bus::Connection* connection_;
  std::chrono::milliseconds job_limit_;
};

}  // namespace dnscache::dbus
