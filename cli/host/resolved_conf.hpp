// resolved.conf(5) and its drop-ins, as far as the cache has to do with them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace dnscache::cli {

inline constexpr const char* resolved_drop_in = "/etc/systemd/resolved.conf.d/50-dnscachectl.conf";

/// What the administrator set for the whole systemd-resolved.
struct ResolvedConf {
  std::vector<std::string> servers;    ///< DNS=, as written: "10.9.0.3", "[fd00::1]:53#dns.example"
  std::filesystem::path servers_file;  ///< the last one that names any
  std::vector<std::string> domains;    ///< Domains=, as written: "corp.example", "~."

  bool takes_all() const;  ///< all names are asked at its servers
};

/// Adds what one file says; an empty DNS= takes back those before it.
void add_resolved_conf(ResolvedConf& conf, std::string_view text);

/// All files in the order in which resolved reads them, but for the drop-in of setup.
ResolvedConf read_resolved_conf(const std::filesystem::path& root = {});

}  // namespace dnscache::cli
