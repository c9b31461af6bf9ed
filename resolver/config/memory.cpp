#include "resolver/config/memory.hpp"

#include <sys/resource.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace dnscache {
namespace {

constexpr std::uint64_t default_memory = 128ull << 20;
constexpr std::uint64_t least_memory = 16ull << 20;

// "max" and files that are not there are no limit.
std::optional<std::uint64_t> number_in(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::uint64_t number = 0;
  if (stream >> number) return number;
  return std::nullopt;
}

// The least number in `file` of the group and all above it.
std::optional<std::uint64_t> least_above(const std::filesystem::path& base, std::string group,
                                         const char* file) {
  std::optional<std::uint64_t> least;
  for (;;) {
    const auto limit =
        number_in(base / group.substr(std::min<std::size_t>(1, group.size())) / file);
    if (limit && (!least || *limit < *least)) least = limit;
    if (group.size() <= 1) return least;
    group.resize(std::max<std::size_t>(group.rfind('/'), 0));
  }
}

}  // namespace

std::optional<std::uint64_t> cgroup_memory_limit(const std::filesystem::path& root) {
  std::ifstream groups(root / "proc/self/cgroup");
  const std::filesystem::path base = root / "sys/fs/cgroup";
  std::optional<std::uint64_t> least;
  for (std::string line; std::getline(groups, line);) {  // "0::/system.slice/x.service"
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    std::optional<std::uint64_t> limit;
    if (controllers.empty()) limit = least_above(base, group, "memory.max");
    if (controllers == "memory") {
      limit = least_above(base / "memory", group, "memory.limit_in_bytes");
    }
    if (limit && (!least || *limit < *least)) least = limit;
  }
  return least;
}

std::uint64_t memory_limit() {
  std::uint64_t limit = UINT64_MAX;
  struct sysinfo machine {};
  if (::sysinfo(&machine) == 0) {
    limit = std::uint64_t{machine.totalram} * machine.mem_unit;
  }
  if (const auto of_group = cgroup_memory_limit()) limit = std::min(limit, *of_group);
  rlimit of_process{};
  if (::getrlimit(RLIMIT_AS, &of_process) == 0 && of_process.rlim_cur != RLIM_INFINITY) {
    limit = std::min<std::uint64_t>(limit, of_process.rlim_cur / 2);  // stacks and code count too
  }
  return limit;
}

MemoryShares share_memory(const Config& config, std::uint64_t limit) {
  MemoryShares shares;
  // Three quarters of the limit, since the program and its lists need some as well.
  const std::uint64_t wanted = std::clamp(limit / 4 * 3, least_memory, default_memory);
  shares.total = config.memory != 0 ? config.memory : wanted;
  shares.cache = config.cache.size != 0 ? config.cache.size : shares.total / 2;
  if (config.memory == 0 && config.cache.size != 0) shares.total = shares.cache + wanted / 2;
  const std::uint64_t rest = shares.total - std::min(shares.cache, shares.total * 3 / 4);
  shares.questions = rest / 4;
  shares.waiting = rest / 4;
  shares.validator = rest / 8;
  shares.tcp = rest / 8;
  shares.log = rest / 32;
  return shares;
}

}  // namespace dnscache
