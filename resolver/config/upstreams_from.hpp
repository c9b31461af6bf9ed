// The servers to ask while the configuration names none.
#pragma once

#include <filesystem>
#include <vector>

#include "resolver/config/config.hpp"
#include "resolver/error.hpp"

namespace dnscache {

/// Where systemd-resolved lists the real servers while /etc/resolv.conf names its stub
/// (systemd-resolved.service(8), /ETC/RESOLV.CONF).
inline constexpr const char* systemd_resolv_conf = "/run/systemd/resolve/resolv.conf";

/// The name servers in `config.upstreams_from` without our own addresses and without the stub of
/// systemd-resolved; when nothing else is there, those in `systemd_list`. The error says what was
/// found and what to do.
Result<std::vector<UpstreamConfig>> system_upstreams(
    const Config& config, const std::filesystem::path& systemd_list = systemd_resolv_conf);

}  // namespace dnscache
