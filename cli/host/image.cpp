#include "cli/host/image.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>

#include "cli/host/journal.hpp"
#include "cli/host/systemd/plan.hpp"
#include "cli/host/systemd/unit_links.hpp"
#include "resolver/config/read.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;

constexpr auto program_paths = {"/usr/bin/dnscachectl", "/usr/local/bin/dnscachectl"};

// This program, as it is called inside of the image.
fs::path find_program(const fs::path& root) {
  std::error_code ignored;
  const auto running = fs::read_symlink("/proc/self/exe", ignored);
  if (!running.empty() && fs::is_regular_file(below(root, running), ignored)) return running;
  for (const auto* path : program_paths) {
    if (fs::is_regular_file(below(root, path), ignored)) return path;
  }
  return {};
}

dbus::UnitState read_unit(const fs::path& root, const std::string& name) {
  dbus::UnitState state;
  state.name = name;
  state.load_state = "not-found";
  state.active_state = "inactive";
  const auto file = find_unit(root, name);
  if (!file) return state;
  state.file = *file;
  std::error_code ignored;
  const bool is_masked = fs::read_symlink(below(root, *file), ignored) == "/dev/null";
  state.load_state = is_masked ? "masked" : "loaded";
  state.unit_file_state = links_to_unit(root, name).empty() ? "disabled" : "enabled";
  return state;
}

Result<void> check_image(const Facts& facts, const PlanRequest& request) {
  if (!boots_with_systemd(request.root)) {
    return Error{fmt::format("--image needs files that systemd boots with, and {} is not systemd",
                             below(request.root, "/sbin/init").string()),
                 ExitCode::usage};
  }
  if (request.mode != Mode::automatic) {
    return Error{"the first boot of an image chooses the mode; leave out --mode", ExitCode::usage};
  }
  if (facts.program.empty()) {
    return Error{fmt::format("the image has no dnscachectl; copy the program to {} first",
                             below(request.root, "/usr/local/bin").string())};
  }
  for (const auto& [name, unit] : facts.system.units) {
    if (!unit.is_masked()) continue;
    return Error{fmt::format("{} is masked in the image; remove {} first", name,
                             below(request.root, unit.file).string())};
  }
  return {};
}

}  // namespace

bool boots_with_systemd(const fs::path& root) {
  // A link in an image is relative to the image's root, so it is not followed.
  std::error_code ignored;
  for (const auto* init : {"/sbin/init", "/usr/sbin/init"}) {
    const auto target = fs::read_symlink(below(root, init), ignored);
    if (target.filename() == "systemd") return true;
  }
  return false;
}

bool is_in_chroot() {
  struct stat theirs {
  }, ours{};
  if (::stat("/", &ours) != 0) return false;
  if (::stat("/proc/1/root", &theirs) == 0) {
    return theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino;
  }
  // A machine that runs has /proc; without rights nobody can tell.
  return errno == ENOENT || errno == ENOTDIR;
}

Result<Facts> read_image_facts(const FactsRequest& request) {
  Facts facts;
  if (auto read = read_own_files(facts, request.root); !read) return read.error();
  facts.has_ipv6_loopback = true;  // the image's machines decide
  for (const auto& unit : setup_units()) {
    facts.system.units[unit.name] = read_unit(request.root, unit.name);
  }
  for (const auto& upstream : request.upstreams) facts.upstreams.push_back({upstream});
  facts.program = find_program(request.root);
  if (const auto read = read_system_files(facts, request.root); !read) return read.error();
  return facts;
}

Result<Plan> plan_image(const Facts& facts, const PlanRequest& request) {
  if (const auto checked = check_image(facts, request); !checked) return checked.error();
  Plan plan;
  plan.is_image = true;
  plan.why =
      "this is the image of a machine, so only what is the same on every machine is written; its "
      "first boot makes the cache the first DNS server";
  const auto listen = wanted_listen(facts, request);
  const auto config = config_steps(facts, request, listen);
  if (!config) return config.error();
  plan.steps = *config;
  Route route;
  route.is_image = route.has_units = route.has_source = true;
  const auto units = unit_steps(facts, route, listen);
  if (!units) return units.error();
  plan.steps.insert(plan.steps.end(), units->begin(), units->end());
  return plan;
}

}  // namespace dnscache::cli
