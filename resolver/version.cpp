#include "resolver/version.hpp"

namespace dnscache {

const char* version() { return DNSCACHE_VERSION; }

}  // namespace dnscache
