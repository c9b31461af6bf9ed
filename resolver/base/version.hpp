#pragma once

namespace dnscache {

/// The program's version, as in "0.1.0". Alone in its file, so that a later build differs in it
/// only.
const char* version();

}  // namespace dnscache
