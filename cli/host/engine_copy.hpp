// A second engine on loopback, so that the one of this machine is left alone.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "resolver/base/endpoint.hpp"
#include "resolver/base/error.hpp"
#include "resolver/config/config.hpp"

namespace dnscache::cli {

/// An address of loopback that nobody else listens on: one of millions, below the ephemeral ports.
Endpoint private_address();

/// What a copy of an engine with this configuration runs with: local data, limits and manners stay,
/// and so do routes, whose servers are asked past the relays; whatever is seen outside goes.
/// `quota`: packets per second to each relay; 0: no limit.
Config copy_of(Config config, const std::vector<Endpoint>& relays, std::uint32_t quota);
/// Remarks on what of this machine's configuration no copy has.
std::vector<std::string> left_out_of_copies();

/// A copy, which ends, and whose files go, with this object.
class EngineCopy {
 public:
  EngineCopy() = default;
  ~EngineCopy();
  EngineCopy(const EngineCopy&) = delete;
  EngineCopy& operator=(const EngineCopy&) = delete;

  Result<void> start(const std::vector<Endpoint>& relays, std::uint32_t quota = 0);
  bool is_running() const { return pid_ > 0; }
  const Endpoint& address() const { return address_; }
  std::filesystem::path control() const { return directory_ / "control.sock"; }

 private:
  std::filesystem::path directory_;
  Endpoint address_ = private_address();
  pid_t pid_ = -1;
};

}  // namespace dnscache::cli
