// What a process has cost so far, from /proc; see proc(5).
#pragma once

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace dnscache::bench {

/// CPU time and memory of one process with all its threads.
struct ProcessUsage {
  double cpu_seconds = 0;     ///< exact, from schedstat; threads that have ended are not in it
  double user_seconds = 0;    ///< sampled by the kernel at its tick
  double system_seconds = 0;  ///< sampled by the kernel at its tick
  std::uint64_t rss_kb = 0;   ///< resident, with shared pages
  std::uint64_t pss_kb = 0;   ///< resident, shared pages divided by their users
};

inline std::uint64_t read_kb(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return std::stoull(line.substr(key.size()));
  }
  return 0;
}

inline ProcessUsage read_usage(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  ProcessUsage usage;
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator(folder + "/task", error)) {
    double nanoseconds = 0;
    std::ifstream(task.path() / "schedstat") >> nanoseconds;
    usage.cpu_seconds += nanoseconds / 1e9;
  }
  std::ifstream stat_file(folder + "/stat");
  std::stringstream text;
  text << stat_file.rdbuf();
  const std::string stat = text.str();
  if (const auto name_end = stat.rfind(')'); name_end != std::string::npos) {
    std::istringstream fields(stat.substr(name_end + 1));
    std::string skipped;
    for (int field = 3; field < 14; ++field) fields >> skipped;
    double user = 0;
    double system = 0;
    fields >> user >> system;
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    usage.user_seconds = user / ticks;
    usage.system_seconds = system / ticks;
  }
  usage.rss_kb = read_kb(folder + "/smaps_rollup", "Rss:");
  usage.pss_kb = read_kb(folder + "/smaps_rollup", "Pss:");
  return usage;
}

}  // namespace dnscache::bench
