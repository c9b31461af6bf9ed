#include "resolver/base/version.hpp"

namespace dnscache {

const char* version() { return DNSCACHE_VERSION; }

}  // namespace dnscache
