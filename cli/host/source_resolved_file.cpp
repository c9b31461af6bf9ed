#include "cli/host/source_resolved_file.hpp"

#include <chrono>
#include <thread>

#include "cli/host/file_state.hpp"
#include "cli/host/resolved_conf.hpp"
#include "cli/host/source_resolved.hpp"
#include "cli/host/systemd/facts.hpp"
#include "dbus/resolved.hpp"
#include "dbus/systemd.hpp"
#include "resolver/base/text_file.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto call_limit = 2s;
constexpr auto restart_patience = 3s;
constexpr const char* off_text =
    "# The DNS cache does not run: the servers of the interfaces are asked instead.\n"
    "[Resolve]\nDNS=\nDomains=\n";

// resolved reads its files only at its start, which waits until the cache's units have stopped:
// they must not wait for it.
Result<void> restart_resolved() {
  auto bus = dbus::Bus::connect(call_limit);
  if (!bus) return bus.error();
  dbus::Systemd systemd(*bus);
  const auto unit = systemd.unit(resolved_unit);
  if (!unit) return unit.error();
  if (!unit->is_active()) return {};
  (void)systemd.reset_failed(resolved_unit);
  return systemd.restart_soon(resolved_unit);
}

bool is_here() {
  const auto text = read_text_file(resolved_drop_in);
  if (!text) return false;
  ResolvedConf conf;
  add_resolved_conf(conf, *text);
  return conf.takes_all() && is_resolved_here();
}

// Restarted, it answers again and has our server in its list.
void wait_until_listed(const IpAddress& cache) {
  const auto deadline = std::chrono::steady_clock::now() + restart_patience;
  for (; std::chrono::steady_clock::now() < deadline; std::this_thread::sleep_for(20ms)) {
    auto bus = dbus::Bus::connect(call_limit);
    if (!bus) continue;
    const auto state = dbus::Resolved(*bus).state();
    if (state && state->has_server(cache)) return;
  }
}

Result<void> up(const IpAddress& cache) {
  std::error_code error;
  if (!fs::remove(resolved_off_file, error)) return {};
  const auto restarted = restart_resolved();
  if (restarted) wait_until_listed(cache);
  return restarted;
}

Result<void> down() {
  std::error_code ignored;
  // Removed for good: there is nothing to take back.
  if (!fs::exists(resolved_drop_in, ignored) || fs::exists(resolved_off_file, ignored)) return {};
  if (const auto written = write_run_time_file(resolved_off_file, off_text); !written) {
    return written.error();
  }
  return restart_resolved();
}

}  // namespace

Source resolved_file_source() {
  return {"systemd-resolved's configuration", is_here, up, nullptr, down};
}

}  // namespace dnscache::cli
