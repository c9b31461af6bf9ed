// Carrying out a plan's steps over D-Bus, and taking them back.
#pragma once

#include "cli/host/apply.hpp"

namespace dnscache::cli {

/// Adds what steps do on a machine with systemd. Nothing is asked on D-Bus before it is needed.
/// Where systemd does not run, as in a chroot or below a root, they are undone in files alone.
void add_system_actions(Actions& actions, const std::filesystem::path& root);

/// The same for an image: units are enabled by their links alone, and nothing is started.
void add_image_actions(Actions& actions, const std::filesystem::path& root);

/// A lookup by D-Bus through systemd-resolved, past its own cache. Any answer will do.
Result<void> look_up_through_resolved(const ProbeQuestion& question);

}  // namespace dnscache::cli
