// What has to be done to this machine, decided from facts alone.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/host/facts.hpp"

namespace dnscache::cli {

/// One thing that setup does, or need not do.
struct Step {
  enum class Kind {
    directory,  ///< make a directory
    file,       ///< write a file
    start_engine,
    verify_engine,  ///< a real lookup at the engine's own address
    verify_system,  ///< a real lookup as programs make it
  };

  Kind kind = Kind::file;
  std::string text;            ///< "write /etc/resolv.conf: lookups go to 127.0.0.1"
  bool is_change = true;       ///< false: it is so already
  std::filesystem::path path;  ///< of a directory or file, without --root
  FileState before;            ///< of a file
  FileState after;             ///< of a file
};

/// Steps in order, and why these.
struct Plan {
  std::string why;  ///< one line
  std::vector<Step> steps;
  IpAddress cache;  ///< what resolv.conf will name
  ProbeQuestion probe;
  std::vector<std::string> warnings;

  bool has_changes() const;
};

/// What setup was asked for.
struct PlanRequest {
  std::filesystem::path root;
  std::vector<UpstreamConfig> upstreams;  ///< empty: those in the facts
  std::vector<Endpoint> listen;           ///< empty: the configuration's
};

/// Pure: reads and writes nothing. The error says why this machine can't be set up and what to do.
Result<Plan> plan_setup(const Facts& facts, const PlanRequest& request);

/// The short commented configuration file that setup writes.
std::string initial_config(const std::vector<UpstreamConfig>& upstreams,
                           const std::vector<Endpoint>& listen,
                           const std::filesystem::path& control);

/// The plan as a list for people, with a diff of every file that changes.
std::string to_text(const Plan& plan);
nlohmann::json to_json(const Plan& plan);

}  // namespace dnscache::cli
