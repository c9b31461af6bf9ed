// What setup needs to know about a machine, read once.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/ask/control_client.hpp"
#include "cli/follow/read.hpp"
#include "cli/host/containers.hpp"
#include "cli/host/file_state.hpp"
#include "cli/host/systemd/facts.hpp"
#include "resolver/config/config.hpp"

namespace dnscache::cli {

/// Who names this machine's DNS servers.
struct ResolvConfFacts {
  FileState state;            ///< of /etc/resolv.conf itself
  std::string content;        ///< what glibc reads there, links followed; empty if nothing
  bool is_mount = false;      ///< a file mounted there, as in containers: rename is impossible
  bool is_immutable = false;  ///< chattr +i
};

/// A socket that is bound to port 53.
struct PortHolder {
  Endpoint endpoint;
  std::string protocol;  ///< udp or tcp
  std::string process;   ///< its name; empty: unknown
  int pid = 0;
  std::string unit = {};  ///< the service of systemd that it belongs to; empty: none
};

/// A server that the cache would ask, and whether it did answer just now.
struct UpstreamFact {
  UpstreamConfig upstream;
  bool is_in_resolv_conf = false;
  bool answers = false;
  std::string failure = {};  ///< where it does not: "answers with REFUSED"
};

/// The question that shows whether a server works.
struct ProbeQuestion {
  std::string name = "example.com";
  std::uint16_t type = 1;
};

/// The machine as setup found it.
struct Facts {
  ResolvConfFacts resolv_conf;
  FileState config_file;
  std::optional<Config> config;  ///< what the file says, if it is there and right
  std::string config_problem;    ///< why it cannot be used, if it cannot
  bool has_config_directory = false;
  std::vector<UpstreamFact> upstreams;
  ServerReading machine;  ///< who is asked for which names without the cache
  ProbeQuestion probe;    ///< one that an upstream answers
  std::vector<PortHolder> port_holders;
  std::optional<EngineStatus> engine;  ///< the one that runs already
  std::string engine_problem;          ///< one is there, but does not answer on its socket
  bool has_ipv6_loopback = false;
  SystemFacts system;                                ///< empty without systemd
  std::map<std::filesystem::path, FileState> files;  ///< those that the system's plan may write
  std::set<std::filesystem::path> directories;       ///< of these files, those that exist
  std::filesystem::path program;                     ///< this one, as a service could start it
  ContainerFacts containers;                         ///< what gets this machine's servers
  std::string container;                             ///< docker, podman, ...; empty: none
};

/// What the facts are read for.
struct FactsRequest {
  std::filesystem::path root;
  std::vector<UpstreamConfig> upstreams;  ///< wanted ones; empty: the machine's own
  std::vector<Endpoint> listen;           ///< wanted; empty: the configuration's
  bool is_image = false;                  ///< nothing below `root` runs
};

/// Reads the machine and asks its upstreams a question, 3 s at most.
Result<Facts> read_facts(const FactsRequest& request);

/// The configuration, and what lies where a setup on a machine with systemd would write.
Result<void> read_own_files(Facts& facts, const std::filesystem::path& root);
Result<void> read_system_files(Facts& facts, const std::filesystem::path& root);

/// The facts as `setup --explain` shows them.
std::string to_text(const Facts& facts);
nlohmann::json to_json(const Facts& facts);

/// The lines of /proc/net/udp, udp6, tcp or tcp6 that are bound to `port`, with their inodes.
struct BoundSocket {
  Endpoint endpoint;
  std::uint64_t inode = 0;
};
std::vector<BoundSocket> parse_proc_net(std::string_view text, bool is_tcp, std::uint16_t port);

/// `path` is a mount point in this /proc/self/mountinfo.
bool is_mount_point(std::string_view mountinfo, const std::filesystem::path& path);

}  // namespace dnscache::cli
