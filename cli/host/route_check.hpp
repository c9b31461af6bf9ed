// Whether each name is asked at the servers that the machine would ask without the cache.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/ask/control_client.hpp"
#include "cli/follow/read.hpp"
#include "cli/host/facts.hpp"
#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// Who is asked for a name is not as it should be.
struct RouteFault {
  enum class Kind {
    bypass,  ///< programs do not ask the cache
    leak,    ///< the cache asks servers that are not this machine's for such names
  };
  Kind kind = Kind::leak;
  std::string text;  ///< one line

  bool operator==(const RouteFault&) const = default;
};

const char* to_text(RouteFault::Kind kind);

/// Pure: whom the engine would ask, by its `status`, against what the machine's manager says.
/// Servers that the configuration names are the administrator's choice, but for names that a
/// tunnel takes.
std::vector<RouteFault> compare_routes(const EngineStatus& engine, const ServerReading& machine);

/// Pure: `now`, with the cache, lists other servers than `before` did without it.
std::vector<RouteFault> compare_machine(const MachineServers& before, const MachineServers& now);

/// Where the servers of this engine come from: a file, or the machine.
ServerSource source_of_engine(const EngineStatus& engine);

/// Has the engine send a name of each zone and looks to whom it went.
std::vector<RouteFault> check_queries(const std::filesystem::path& control,
                                      const EngineStatus& engine, const ServerReading& machine);

/// All of these. A difference counts once it has lasted, as both may be changing just now.
std::vector<RouteFault> check_routes(const std::filesystem::path& control);

/// Whether the machine lists the servers that it listed before; the same holds.
std::vector<RouteFault> check_machine(const std::filesystem::path& control,
                                      const ServerReading& before);

/// Whether programs' lookups come to the cache: by glibc and, if wanted, through systemd-resolved.
/// Lookups that fail say nothing.
std::vector<RouteFault> check_bypass(const std::filesystem::path& control, bool asks_resolved);

/// The zones in which a lookup as programs make it is answered, "no such name" included.
std::vector<std::string> answered_zones(const MachineServers& servers);
/// Those of `zones` where it is not answered any more.
std::vector<std::string> unanswered_zones(const std::vector<std::string>& zones);

}  // namespace dnscache::cli
