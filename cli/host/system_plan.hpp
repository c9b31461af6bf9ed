// What has to be done on a machine with systemd, decided from facts alone.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/host/plan.hpp"

namespace dnscache::cli {

/// How this machine's lookups come to the cache.
struct Route {
  Mode mode = Mode::resolv_conf;
  bool has_units = false;        ///< systemd runs the engine
  bool sets_links = false;       ///< the cache goes before the servers of networkd's links
  bool writes_resolved = false;  ///< a drop-in for systemd-resolved
  bool writes_resolv_conf = false;
  std::string why;  ///< one line

  bool uses_resolved() const { return sets_links || writes_resolved; }
};

/// Pure. The error says why this machine can't be set up in this mode, and what to do.
Result<Route> choose_route(const Facts& facts, Mode wanted);

/// The steps up to a running engine: units, enabled and started.
Result<std::vector<Step>> unit_steps(const Facts& facts, const Route& route,
                                     const std::vector<Endpoint>& listen);

/// The steps that make systemd-resolved ask the cache first.
std::vector<Step> resolved_steps(const Facts& facts, const Route& route, const IpAddress& cache);

/// Every file that these steps may write on this machine.
std::vector<std::filesystem::path> system_files(const SystemFacts& facts);

/// A unit that setup may install, before its places are filled in.
struct UnitText {
  const char* name;
  std::string_view text;
};
std::vector<UnitText> setup_units();

/// The drop-in of a link, and whether a path is one.
std::filesystem::path network_drop_in(const LinkFacts& link);
bool is_network_drop_in(const std::filesystem::path& path);
bool is_unit_file(const std::filesystem::path& path);

inline constexpr const char* resolved_drop_in = "/etc/systemd/resolved.conf.d/50-dnscachectl.conf";

}  // namespace dnscache::cli
