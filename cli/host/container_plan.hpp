// What setup has to mind where containers or pods get this machine's servers.
#pragma once

#include "cli/host/systemd/plan.hpp"

namespace dnscache::cli {

/// Steps that change nothing, one for each program that hands the servers on. Pure. The error: pods
/// would get the cache's loopback address, which is their own, and what to do.
Result<std::vector<Step>> container_steps(const Facts& facts, const Route& route);

}  // namespace dnscache::cli
