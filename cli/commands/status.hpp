// `dnscachectl status`: does it work, and do this machine's lookups go through it?
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/ask/control_client.hpp"
#include "cli/ask/glibc_lookup.hpp"
#include "cli/ask/stub_resolver.hpp"
#include "cli/host/lookup_path.hpp"
#include "cli/host/route_check.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What `status` was asked to do.
struct StatusOptions {
  std::filesystem::path control;     ///< empty: what the configuration says
  std::string name = "example.com";  ///< looked up through the cache
  bool is_json = false;
  bool is_watching = false;
};

/// Everything that `status` shows.
struct StatusReport {
  EngineStatus engine;
  std::string probe_name;
  Endpoint probe_server;
  Lookup probe;
  std::optional<AddressLookup> program;  ///< the same name as programs look it up
  LookupPath path;
  std::vector<RouteFault> faults;          ///< names that are asked elsewhere than they should be
  std::string units;                       ///< their states in words; empty without systemd
  std::vector<std::string> changed_files;  ///< since setup wrote them

  /// The cache answers, and so does whatever programs ask, and each name is asked where it should.
  bool is_working() const;
};

std::string to_text(const StatusReport& report, const Terminal& terminal);
nlohmann::json to_json(const StatusReport& report);

/// ExitCode::not_running when no engine answers, check_failed when its lookups or programs' fail,
/// when programs bypass the cache, or when names leak to other servers than the machine's.
Result<ExitCode> run_status(const StatusOptions& options);

}  // namespace dnscache::cli
