// systemd-resolved's servers without D-Bus, from the files that it reads and writes itself.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "dbus/dns_sources.hpp"

namespace dnscache::cli {

/// A network interface, by its index in a map.
struct InterfaceState {
  std::string name;
  bool is_usable = false;  ///< up, with an address of more than the link's own scope
};

std::map<int, InterfaceState> interfaces();

/// What systemd-resolved lists, put together as it does that: links that systemd-networkd manages
/// from /run/systemd/netif/links, others from /run/systemd/resolve/netif, global servers from what
/// else is in /run/systemd/resolve/resolv.conf, settings from resolved.conf(5). Everything below
/// `root`.
///
/// For where the bus cannot be asked: before it is up, and by a dynamic user (DynamicUser= in
/// systemd.exec(5)), whom dbus-daemon refuses, because it may not look such users up.
dbus::ResolvedDns read_state_files(const std::map<int, InterfaceState>& interfaces,
                                   const std::filesystem::path& root = "/");

}  // namespace dnscache::cli
