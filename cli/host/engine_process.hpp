// The engine as a background process, on machines without a service manager.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <vector>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What the background engine is started with; the configuration file tells it from other engines.
struct EngineFiles {
  std::filesystem::path config;
  std::filesystem::path control;
  std::filesystem::path log;
  bool ends_with_us = false;  ///< killed when the thread that started it ends, however it ends
};

inline constexpr const char* log_path = "/var/log/dnscachectl.log";

/// Those of the engine that `setup` starts; `root` is --root.
EngineFiles engine_files(const std::filesystem::path& root);

/// Starts `dnscachectl serve --config FILE` in a session of its own and waits until it answers on
/// its control socket, 10 s at most. The error has the last line of its log.
Result<pid_t> start_engine(const EngineFiles& files, const std::function<bool()>& is_interrupted);

/// The processes in this network and mount namespace that run with this configuration file.
std::vector<pid_t> find_engines(const std::filesystem::path& config);

/// Ends them with SIGTERM, and with SIGKILL after 10 s; done when none is left.
Result<void> stop_engines(const std::filesystem::path& config);

}  // namespace dnscache::cli
