// Who else writes /etc/resolv.conf.
#pragma once

#include <string>

#include "cli/host/facts.hpp"

namespace dnscache::cli {

/// A program that has written a resolv.conf.
struct Author {
  std::string name;     ///< empty: unknown
  bool is_vpn = false;  ///< while its tunnel is up, its servers must be asked, and nobody else's
};

/// From the file's comments, or from where it links to.
Author author_of(const ResolvConfFacts& resolv_conf);

}  // namespace dnscache::cli
