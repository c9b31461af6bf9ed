// `dnscachectl status`: does it work, and do this machine's lookups go through it?
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/ask/control_client.hpp"
#include "cli/ask/glibc_lookup.hpp"
#include "cli/ask/stub_resolver.hpp"
#include "cli/ask/upstream_probe.hpp"
#include "cli/commands/status_verdict.hpp"
#include "cli/host/lookup_path.hpp"
#include "cli/host/route_check.hpp"
#include "cli/host/systemd/facts.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What `status` was asked to do.
struct StatusOptions {
  std::filesystem::path control;  ///< empty: what the configuration says
  std::string name;               ///< looked up as programs do; empty: one of the engine's own
  bool is_json = false;
  bool is_watching = false;
};

/// Everything that `status` shows.
struct StatusReport {
  bool is_running = true;
  std::optional<std::chrono::system_clock::time_point> paused_until;
  bool is_set_up = false;      ///< this machine's lookups should come here
  std::string engine_problem;  ///< it runs, but does not answer on its control socket
  EngineStatus engine;
  std::string name;                        ///< that programs looked up
  Endpoint server;                         ///< where the engine was asked
  Lookup cache;                            ///< what it said there
  std::optional<AddressLookup> program;    ///< as programs look names up
  std::optional<bool> asks_cache;          ///< whether that came to the engine; empty: not known
  std::optional<UpstreamProbe> upstreams;  ///< empty: they were not asked
  LookupPath path;
  std::vector<RouteFault> faults;          ///< names that are asked elsewhere than they should be
  std::string units;                       ///< their states in words; empty without systemd
  std::vector<std::string> changed_files;  ///< since setup wrote them

  /// Programs' lookups are meant to come here: an engine may run for others alone.
  bool is_for_programs() const { return is_set_up || path.is_through_cache; }
  bool is_program_answered() const;
  bool has_no_upstreams() const;
  /// "lookups go to 10.0.0.2"
  std::string lookups_without_cache() const;
};

std::string to_text(const StatusReport& report, const Terminal& terminal);
nlohmann::json to_json(const StatusReport& report);

}  // namespace dnscache::cli
