// How the cache becomes the first of a machine's sources of DNS servers, at run time.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "resolver/base/endpoint.hpp"
#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// One kind of manager of DNS servers, and how the cache is added to what it lists, first, by its
/// own means. Nothing of it is on disk: after a boot the machine is as it was.
struct Source {
  const char* name;   ///< "systemd-resolved"
  bool (*is_here)();  ///< this manager decides here which servers programs ask
  /// The engine is ready. Called again it changes nothing.
  Result<void> (*up)(const IpAddress& cache);
  /// The engine has ended, the next one is expected: new queries go to the manager's other servers.
  /// None where programs read the list of servers themselves: their queries wait at the port for a
  /// moment, which is shorter than it takes to write another list.
  Result<void> (*withdraw)();
  /// Nothing of ours is left. It is no error if nothing was there.
  Result<void> (*down)();
};

/// All of them; the first that is here counts.
const std::vector<Source>& sources();

/// Exists while dnscachectl-source.service is active: only then `source` does anything.
inline constexpr const char* source_directory = "/run/dnscachectl-source";

/// For the units: `up` when an engine is ready, `withdraw` when one has ended, `down` before the
/// port closes. An engine that ends twice without having been ready is given up: `down`. `close`,
/// before an engine is stopped: if its port closes then, it is told so, and clients at once.
Result<ExitCode> change_source(const std::string& action);

}  // namespace dnscache::cli
