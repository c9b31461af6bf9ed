// One word for how this machine's lookups fare, and why.
#pragma once

#include <string>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

struct StatusReport;

enum class Verdict {
  ok,        ///< the cache answers, and so do its upstreams
  degraded,  ///< programs get answers, but not all, or not as configured
  bypassed,  ///< programs do not ask the cache
  failing,   ///< programs get no answers
  stopped,   ///< the engine does not run
};

/// "ok", "degraded", …
const char* to_text(Verdict verdict);
/// What `status` exits with.
ExitCode exit_code_of(Verdict verdict);

struct Judgement {
  Verdict verdict = Verdict::ok;
  std::string reason;  ///< one line
};

/// Pure: the worst that the report shows.
Judgement judge(const StatusReport& report);

}  // namespace dnscache::cli
