#include "cli/host/source.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include "cli/ask/control_client.hpp"
#include "cli/host/file_state.hpp"
#include "cli/host/lookup_path.hpp"
#include "cli/host/source_network_manager.hpp"
#include "cli/host/source_resolvconf.hpp"
#include "cli/host/source_resolved.hpp"
#include "cli/host/source_resolved_file.hpp"
#include "cli/host/systemd/facts.hpp"
#include "dbus/systemd.hpp"
#include "resolver/base/text_file.hpp"
#include "resolver/config/read.hpp"
#include "resolver/config/values.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// Queries in flight are answered within this time; the next ones go elsewhere already.
constexpr auto last_answers = 300ms;
// What has come before the port was closed is read within this time.
constexpr auto last_queries = 50ms;
constexpr auto manager_patience = 5s;
constexpr auto call_limit = 2s;

fs::path mark(const char* name) { return fs::path(source_directory) / name; }
fs::path active_mark() { return mark("active"); }  // holds the source's name
fs::path ended_mark() { return mark("ended"); }    // an engine ended and none has been ready since

Result<void> write_mark(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::trunc);
  file << text;
  if (file.flush()) return {};
  return system_error("cannot write " + path.string(), errno);
}

// The one that is up, though the machine's manager may have changed since.
const Source* active_source() {
  const auto name = read_text_file(active_mark());
  if (!name) return nullptr;
  const auto found = std::ranges::find(sources(), *name, &Source::name);
  return found == sources().end() ? nullptr : &*found;
}

// systemd calls a manager started a moment before it can be asked.
const Source* source_here() {
  const auto deadline = std::chrono::steady_clock::now() + manager_patience;
  for (;;) {
    const auto found = std::ranges::find_if(sources(), [](const Source& s) { return s.is_here(); });
    if (found != sources().end()) return &*found;
    if (std::chrono::steady_clock::now() >= deadline) return nullptr;
    std::this_thread::sleep_for(50ms);
  }
}

Result<void> bring_up() {
  const auto reading = read_config_file(default_config_path);
  const auto config = reading ? reading.config : Config{};
  // Before the engine is ready nothing must be sent to it; it calls again when it is.
  if (!engine_status(config.control)) return {};
  const auto listen = std::ranges::find(config.listen, dns_port, &Endpoint::port);
  if (listen == config.listen.end()) return Error{"the cache does not listen on port 53"};
  const auto* source = source_here();
  if (source == nullptr) return Error{"no manager of DNS servers is running here"};
  if (const auto* active = active_source(); active != nullptr && active != source) {
    if (const auto gone = active->down(); !gone) return gone;
  }
  if (const auto marked = write_mark(active_mark(), source->name); !marked) return marked;
  std::error_code ignored;
  fs::remove(ended_mark(), ignored);
  return source->up(reachable(*listen).address);
}

Result<void> withdraw() {
  const auto* source = active_source();
  if (source == nullptr) return {};
  std::error_code ignored;
  const bool ended_before = fs::exists(ended_mark(), ignored);
  if (const auto marked = write_mark(ended_mark(), ""); !marked) return marked;
  const bool is_expected = !ended_before && (source->withdraw == nullptr || source->withdraw());
  return is_expected ? Result<void>() : source->down();
}

// Where the socket is stopped as well: what it holds when it is closed would be dropped without a
// word, and glibc waits 5 s for each such query. After a restart the next engine answers them.
Result<void> close_port() {
  auto bus = dbus::Bus::connect(call_limit);
  if (!bus) return bus.error();
  const auto has_job = dbus::Systemd(*bus).has_job(socket_unit);
  if (!has_job) return has_job.error();
  if (!*has_job) return {};
  const auto reading = read_config_file(default_config_path);
  const auto config = reading ? reading.config : Config{};
  if (const auto told = ask_engine(config.control, {{"command", "close"}}); !told) {
    return told.error();
  }
  std::this_thread::sleep_for(last_queries);
  return {};
}

Result<void> take_down() {
  const auto* source = active_source();
  if (source == nullptr) return {};
  if (source->withdraw != nullptr && source->withdraw()) std::this_thread::sleep_for(last_answers);
  return source->down();
}

}  // namespace

const std::vector<Source>& sources() {
  // resolvconf before NetworkManager, which hands its list to it where it is installed.
  static const std::vector<Source> all = {resolved_file_source(), resolved_source(),
                                          resolvconf_source(), openresolv_source(),
                                          network_manager_source()};
  return all;
}

Result<ExitCode> change_source(const std::string& action) {
  if (::geteuid() != 0) return Error{"only root may do this", ExitCode::no_rights};
  std::error_code ignored;
  const bool is_closing = action == "close";
  if (!is_closing && !fs::is_directory(source_directory, ignored)) return ExitCode::done;
  const auto done = is_closing             ? close_port()
                    : action == "up"       ? bring_up()
                    : action == "withdraw" ? withdraw()
                                           : take_down();
  if (!done) return done.error();
  return ExitCode::done;
}

}  // namespace dnscache::cli
