#include "cli/host/resolv_conf_author.hpp"

namespace dnscache::cli {

Author author_of(const ResolvConfFacts& resolv_conf) {
  struct Sign {
    const char* text;
    const char* name;
    bool is_vpn = false;
  };
  static constexpr Sign signs[] = {{"tailscale", "Tailscale", true},
                                   {"@VPNC_GENERATED@", "vpnc-script", true},
                                   {"Mullvad", "Mullvad", true},
                                   {"NordVPN", "NordVPN", true},
                                   {"ExpressVPN", "ExpressVPN", true},
                                   {"OpenVPN", "OpenVPN", true},
                                   {"WireGuard", "WireGuard", true},
                                   {"wg-quick", "wg-quick", true},
                                   {"AnyConnect", "AnyConnect", true},
                                   {"FortiClient", "FortiClient", true},
                                   {"GlobalProtect", "GlobalProtect", true},
                                   {"NetworkManager", "NetworkManager"},
                                   {"dhclient", "dhclient"},
                                   {"dhcpcd", "dhcpcd"},
                                   {"resolvconf", "resolvconf"},
                                   {"systemd-resolved", "systemd-resolved"},
                                   {"systemd/resolve", "systemd-resolved"},
                                   {"netconfig", "netconfig"},
                                   {"cloud-init", "cloud-init"},
                                   {"connman", "connman"},
                                   {"Docker", "Docker"},
                                   {"pppd", "pppd"}};
  const bool is_link = resolv_conf.state.kind == FileState::Kind::symlink;
  const auto& told_by = is_link ? resolv_conf.state.content : resolv_conf.content;
  for (const auto& sign : signs) {
    if (told_by.find(sign.text) != told_by.npos) return {sign.name, sign.is_vpn};
  }
  return {};
}

}  // namespace dnscache::cli
