// The system user that the engine runs as; see DynamicUser= in systemd.exec(5).
#pragma once

#include <filesystem>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// A user that exists only while a service runs is refused by dbus-daemon, and may not read what
/// systemd-resolved has for links: it would not see a VPN's servers. So there is a static one.
inline constexpr const char* system_user = "dnscachectl";

/// The static user is there; one that systemd has for a running service does not count.
bool has_system_user(const std::filesystem::path& root);
/// By its comment: setup made it, and not a package.
bool is_system_user_ours(const std::filesystem::path& root);

/// By systemd-sysusers(8), or useradd(8) where that is missing.
Result<void> make_system_user(const std::filesystem::path& root);
/// Takes its lines out of /etc/passwd and the like, whatever runs as it still.
Result<void> remove_system_user(const std::filesystem::path& root);

}  // namespace dnscache::cli
