// What has to be done to this machine, decided from facts alone.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/host/facts.hpp"

namespace dnscache::cli {

/// One thing that setup does, or need not do.
struct Step {
  enum class Kind {
    directory,     ///< make a directory
    file,          ///< write a file
    start_engine,  ///< in the background, where there is no systemd
    make_user,     ///< the system user that the service runs as
    reload_units,  ///< systemd reads its unit files again
    enable_units,  ///< `names` are started at boot
    start_unit,
    restart_unit,
    verify_engine,  ///< a real lookup at the engine's own address
    verify_system,  ///< a real lookup as programs make it
  };

  Kind kind = Kind::file;
  std::string text;       ///< "write /etc/resolv.conf: lookups go to 127.0.0.1"
  bool is_change = true;  ///< false: it is so already
  /// Of a directory or file, without --root; else the name of a unit or link.
  std::filesystem::path path;
  FileState before;                ///< of a file
  FileState after;                 ///< of a file
  std::vector<std::string> names;  ///< of enable_units
};

/// Where the cache is put before the servers that were asked so far.
enum class Mode {
  automatic,
  link,         ///< as the server of an interface of ours, by systemd-resolved
  resolved,     ///< in systemd-resolved's configuration
  manager,      ///< as one more source of the program that writes /etc/resolv.conf
  resolv_conf,  ///< in /etc/resolv.conf
};
inline constexpr auto mode_words = words_of<Mode>({{Mode::automatic, "auto"},
                                                   {Mode::link, "link"},
                                                   {Mode::resolved, "resolved"},
                                                   {Mode::manager, "manager"},
                                                   {Mode::resolv_conf, "resolv-conf"}});

/// Who is asked for the names of one domain, without the cache and with it.
struct AskedRow {
  std::string zone;                ///< "." for all other names
  std::string source;              ///< who lists the servers: "systemd-resolved, link wg0"
  std::vector<std::string> today;  ///< "10.8.0.1 (wg0)"
  std::vector<std::string> then;   ///< the same once the machine is set up
  bool is_by_cache = true;         ///< the cache asks them
  bool is_by_resolved = false;     ///< systemd-resolved asks them itself, as it does today
};

/// Steps in order, and why these.
struct Plan {
  std::string why;  ///< one line
  Mode mode = Mode::resolv_conf;
  bool is_image = false;       ///< for a machine that does not run yet: nothing is started
  bool asks_resolved = false;  ///< lookups go through systemd-resolved
  std::vector<Step> steps;
  IpAddress cache;  ///< what resolv.conf will name
  ProbeQuestion probe;
  std::vector<AskedRow> asked;  ///< all other names come last
  /// The servers are the machine's own, so that no others may be asked with the cache.
  bool keeps_servers = true;
  std::vector<std::string> warnings;

  bool has_changes() const;
};

/// What setup was asked for.
struct PlanRequest {
  std::filesystem::path root{};
  std::vector<UpstreamConfig> upstreams{};  ///< empty: those in the facts
  std::vector<Endpoint> listen{};           ///< empty: the configuration's
  std::vector<RouteConfig> routes{};        ///< zones with servers of their own
  Mode mode = Mode::automatic;
  bool is_image = false;             ///< what lies below `root` does not run yet
  std::optional<Config> imported{};  ///< the whole configuration, from dnsmasq's
  std::string imported_text{};       ///< the same as YAML with comments
};

/// Pure: reads and writes nothing. The error says why this machine cannot be set up and what to do.
Result<Plan> plan_setup(const Facts& facts, const PlanRequest& request);

/// Where the cache of a machine is to listen.
std::vector<Endpoint> wanted_listen(const Facts& facts, const PlanRequest& request);

/// The configuration of an image, which names no server but those that were asked for.
Result<std::vector<Step>> config_steps(const Facts& facts, const PlanRequest& request,
                                       const std::vector<Endpoint>& listen);

/// The short commented configuration file that setup writes. Without `upstreams` the engine asks
/// the machine's servers, or those that the file `upstreams_from` names.
std::string initial_config(const std::vector<UpstreamConfig>& upstreams,
                           const std::vector<Endpoint>& listen,
                           const std::filesystem::path& control,
                           const std::vector<RouteConfig>& routes = {},
                           const std::filesystem::path& upstreams_from = {});

/// The plan as a list for people, with a diff of every file that changes.
std::string to_text(const Plan& plan);
nlohmann::json to_json(const Plan& plan);

}  // namespace dnscache::cli
