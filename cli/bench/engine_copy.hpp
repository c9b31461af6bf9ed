// A second engine on private loopback ports, so that the one of this machine is left alone.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "resolver/base/endpoint.hpp"
#include "resolver/base/error.hpp"
#include "resolver/config/config.hpp"

namespace dnscache::cli {

/// What the copy is to be like; everything else is as this machine's configuration says.
struct CopySettings {
  std::vector<Endpoint> upstreams;  ///< relays
  std::uint32_t quota = 0;          ///< packets per second to each of them; 0: no limit
  unsigned workers = 1;
};

/// What a copy of an engine with this configuration runs with: local data, limits and manners stay,
/// and so do routes, whose servers are asked past the relays; whatever is seen outside goes.
Config copy_of(Config config, const CopySettings& settings, const Endpoint& address,
               const std::filesystem::path& control);
/// A remark on what of this machine's configuration no copy has; empty: nothing is missing.
std::string left_out_of_copies();

/// A running copy; it ends, and its files go, with this object.
class EngineCopy {
 public:
  static Result<std::unique_ptr<EngineCopy>> start(const CopySettings& settings);
  ~EngineCopy();
  EngineCopy(const EngineCopy&) = delete;
  EngineCopy& operator=(const EngineCopy&) = delete;

  const Endpoint& address() const { return address_; }
  std::filesystem::path control() const { return directory_ / "control.sock"; }

 private:
  explicit EngineCopy(std::filesystem::path directory) : directory_(std::move(directory)) {}
  Result<void> run(const CopySettings& settings);

  std::filesystem::path directory_;
  Endpoint address_;
  pid_t pid_ = -1;
};

}  // namespace dnscache::cli
