// Reads which servers a machine uses, from whoever decides about them there.
#pragma once

#include <filesystem>
#include <vector>

#include "cli/follow/decide.hpp"
#include "resolver/config/config.hpp"

namespace dnscache::cli {

/// Where servers are read.
struct ServerSource {
  std::filesystem::path file;    ///< in the form of resolv.conf(5); empty: the machine
  std::vector<Endpoint> listen;  ///< of the cache, which is not a server of its own
  std::filesystem::path root{};  ///< of an image, where only files say it; empty: this machine

  bool operator==(const ServerSource&) const = default;
};

/// Where this configuration's servers come from; only while it names none itself.
ServerSource source_of(const Config& config);

/// What was read in one go.
struct ServerReading {
  MachineServers servers;
  MachineDomains domains;
  bool has_manager = false;  ///< systemd-resolved or NetworkManager said so, not a file
  bool is_certain = true;    ///< false: systemd-resolved runs, but does not answer
};

/// Takes as long as a service that does not answer may take, 2 s for each call; starts nothing.
/// From systemd-resolved where it runs, else NetworkManager, else /etc/resolv.conf.
ServerReading read_servers(const ServerSource& source);

/// The files and folders that change when the servers do.
std::vector<std::filesystem::path> files_of(const ServerSource& source);

}  // namespace dnscache::cli
