// The control command `explain`: what the engine says to one question, and why.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "resolver/base/error.hpp"
#include "resolver/local/local_data.hpp"
#include "resolver/resolve.hpp"
#include "resolver/server/control.hpp"

namespace dnscache {

/// Where the configuration in force was written.
struct ConfigOrigin {
  std::filesystem::path file;            ///< empty: the defaults
  bool has_upstreams_of_option = false;  ///< `serve --upstream` counts instead of the file's

  bool operator==(const ConfigOrigin&) const = default;
};

/// What a question goes through.
struct ExplainSources {
  const Config& config;
  const ConfigOrigin& origin;
  const LocalData& local_data;
  Cache& cache;
  Resolver& resolver;
};

/// One line: what the local data says to the question and by which rule, what the cache has, whom
/// the resolver asked and when, and the answer. The question is resolved as a client's would be,
/// but neither counted as one nor as a use of the cached answer.
Result<ControlReply> explain(const nlohmann::json& request, const ExplainSources& sources);

}  // namespace dnscache
