// Ctrl-C and its like are noted, for an operation that ends in its own way.
#pragma once

namespace dnscache::cli {

/// What a second signal does.
enum class SecondInterrupt { is_noted, ends_us };

/// From now on SIGINT, SIGTERM and SIGHUP are noted.
void catch_interrupts(SecondInterrupt second);

/// The signal that came; 0: none yet. Any thread may ask.
int interrupting_signal();
inline bool is_interrupted() { return interrupting_signal() != 0; }

}  // namespace dnscache::cli
