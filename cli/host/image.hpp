// An image of a machine: files that a systemd will boot with, but does not run on yet.
#pragma once

#include "cli/host/plan.hpp"
#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What lies below `root` is for a systemd to boot.
bool boots_with_systemd(const std::filesystem::path& root);

/// This process sees another root than process 1, as in builders of images.
bool is_in_chroot();

/// What `setup --image` has to know, read from files alone: nothing is asked, and nothing of the
/// machine that builds the image.
Result<Facts> read_image_facts(const FactsRequest& request);

/// Units, enabled, and a configuration that names no server, interface or address of the machine
/// that builds the image; dnscachectl-setup.service does the rest on the first boot. Pure.
Result<Plan> plan_image(const Facts& facts, const PlanRequest& request);

}  // namespace dnscache::cli
