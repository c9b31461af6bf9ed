// Whether the engine's upstreams answer now, by its control command `probe`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// How a question to the upstreams ended; the cache played no part.
struct UpstreamProbe {
  std::string question;            ///< ". NS"
  std::string outcome = "silent";  ///< answered, failed, silent, unreachable, over_quota, bogus
  std::string rcode;               ///< of the answer or the failure
  std::string upstream;            ///< who answered
  double took_ms = 0;
  std::vector<std::string> asked;  ///< every upstream that got the question

  bool is_answered() const { return outcome == "answered"; }
};

/// `name`: what to ask for; empty: what the engine chooses and, where that is answered with a
/// failure, names of the machine's search domains. Errors as of ask_engine().
Result<UpstreamProbe> probe_upstreams(const std::filesystem::path& control,
                                      const std::string& name = "");

}  // namespace dnscache::cli
