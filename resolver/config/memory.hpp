// How much memory the engine may use, and what each part of it gets.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "resolver/config/config.hpp"

namespace dnscache {

/// What the parts of the engine may use, in bytes. What is left is for the program itself, its
/// hosts files and block lists.
struct MemoryShares {
  std::uint64_t total = 0;
  std::uint64_t cache = 0;
  std::uint64_t questions = 0;  ///< that are being resolved
  std::uint64_t waiting = 0;    ///< clients that wait for these
  std::uint64_t validator = 0;
  std::uint64_t tcp = 0;  ///< replies that clients have not read
  std::uint64_t log = 0;  ///< lines of the query log that are not written yet

  bool operator==(const MemoryShares&) const = default;
};

/// The most that the cgroup of this process and those above it allow; nothing: no limit. `root` is
/// where /proc and /sys are.
std::optional<std::uint64_t> cgroup_memory_limit(const std::filesystem::path& root = "/");
/// The least of what cgroup, machine and resource limits allow this process.
std::uint64_t memory_limit();

/// The shares that the configuration asks for; what it leaves open is derived from `limit`.
MemoryShares share_memory(const Config& config, std::uint64_t limit);

}  // namespace dnscache
