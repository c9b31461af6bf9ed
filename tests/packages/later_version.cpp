// The version of the build that the package tests upgrade to, in place of
// resolver/base/version.cpp.
#include "resolver/base/version.hpp"

namespace dnscache {

const char* version() { return "0.1.1"; }

}  // namespace dnscache
