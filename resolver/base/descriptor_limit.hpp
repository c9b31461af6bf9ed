// How many file descriptors this process may have.
#pragma once

#include <sys/resource.h>

namespace dnscache {

/// Connections and source ports want more descriptors than the soft limit, which is kept low for
/// programs that use select(2) (see systemd.exec(5), LimitNOFILE=).
inline void allow_more_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace dnscache
