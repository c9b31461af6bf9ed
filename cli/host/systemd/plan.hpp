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
  bool is_image = false;         ///< its first boot finishes the setup; now nothing is started
  bool has_units = false;        ///< systemd runs the engine
  bool has_source = false;       ///< the cache is a source of the machine's manager, at run time
  bool writes_resolved = false;  ///< a drop-in for systemd-resolved
  bool writes_resolv_conf = false;
  std::string why;  ///< one line

  bool uses_resolved() const { return mode != Mode::manager && (has_source || writes_resolved); }
};

/// Pure. The error says why this machine cannot be set up in this mode, and what to do.
Result<Route> choose_route(const Facts& facts, Mode wanted);

/// The steps up to a running engine: units, enabled and started.
Result<std::vector<Step>> unit_steps(const Facts& facts, const Route& route,
                                     const std::vector<Endpoint>& listen);

/// The steps that make the cache the first of the servers that are asked.
std::vector<Step> source_steps(const Facts& facts, const Route& route, const IpAddress& cache);

/// Every file that these steps may write on this machine.
std::vector<std::filesystem::path> system_files();

/// Those of other programs in which setup may put a line.
std::vector<std::filesystem::path> setting_files();

/// A unit that setup may install, before its places are filled in.
struct UnitText {
  const char* name;
  std::string_view text;
};
std::vector<UnitText> setup_units();

/// A drop-in that version 0.1.0 wrote for a link of systemd-networkd.
bool is_network_drop_in(const std::filesystem::path& path);
bool is_unit_file(const std::filesystem::path& path);

}  // namespace dnscache::cli
