// The engine as a whole: workers, resolver, control socket, signals.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "resolver/config/config.hpp"
#include "resolver/error.hpp"
#include "resolver/server/explain.hpp"

namespace dnscache {

/// Runs the engine in the foreground until SIGTERM or SIGINT; queries in flight are still answered.
/// On SIGHUP and the control command `reload`, `reload` is called for a new configuration: when it
/// fails, the old one stays in force and the reason is logged. Listens on the sockets that systemd
/// passed, if any, else on `config.listen`; tells systemd about its state (sd_notify(3)). A change
/// of one of the `watched` files, which tell the upstreams, means that the network has changed: it
/// reloads too, and what is known of the upstreams' speed and health is forgotten. `origin` is for
/// `explain`. The error says why it could not start.
Result<void> serve(const Config& config, const std::function<Result<Config>()>& reload,
                   const std::vector<std::filesystem::path>& watched = {},
                   const ConfigOrigin& origin = {});

}  // namespace dnscache
