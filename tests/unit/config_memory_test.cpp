#include <catch2/catch.hpp>
#include <fstream>

#include "resolver/config/memory.hpp"
#include "tests/support/process.hpp"

namespace dnscache {
namespace {

constexpr std::uint64_t mib = 1 << 20;

/// The files that the kernel would show.
struct Files {
  explicit Files(const std::string& groups) { write("proc/self/cgroup", groups); }

  void write(const std::string& name, const std::string& text) const {
    const auto file = directory.path() / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  std::optional<std::uint64_t> limit() const { return cgroup_memory_limit(directory.path()); }

  test::TempDir directory;
};

}  // namespace

TEST_CASE("the least limit of a cgroup and those above it counts") {
  Files files("0::/system.slice/dnscachectl.service\n");
  CHECK_FALSE(files.limit());
  files.write("sys/fs/cgroup/system.slice/dnscachectl.service/memory.max", "max\n");
  CHECK_FALSE(files.limit());
  files.write("sys/fs/cgroup/system.slice/memory.max", "314572800\n");
  CHECK(files.limit() == 300 * mib);
  files.write("sys/fs/cgroup/system.slice/dnscachectl.service/memory.max", "209715200\n");
  CHECK(files.limit() == 200 * mib);
}

TEST_CASE("a container sees its own cgroup as the root") {
  Files files("0::/\n");
  files.write("sys/fs/cgroup/memory.max", "167772160\n");
  CHECK(files.limit() == 160 * mib);
}

TEST_CASE("cgroups of the first version have limits as well") {
  Files files("9:name=systemd:/\n4:cpu,cpuacct:/\n3:memory:/docker/abc\n");
  files.write("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "167772160\n");
  files.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  CHECK(files.limit() == 160 * mib);
}

TEST_CASE("memory is 128 MiB, or three quarters of less, and the shares fit into it") {
  Config config;
  CHECK(share_memory(config, UINT64_MAX).total == 128 * mib);
  CHECK(share_memory(config, UINT64_MAX).cache == 64 * mib);
  CHECK(share_memory(config, 160 * mib).total == 120 * mib);
  CHECK(share_memory(config, 64 * mib).total == 48 * mib);
  CHECK(share_memory(config, 1).total == 16 * mib);
  for (const std::uint64_t memory : {16 * mib, 128 * mib, 1 << 30 | 0ul}) {
    config.memory = memory;
    const MemoryShares shares = share_memory(config, UINT64_MAX);
    CHECK(shares.total == memory);
    CHECK(shares.cache + shares.questions + shares.waiting + shares.validator + shares.tcp +
              shares.log <=
          memory);
    CHECK(shares.questions > 0);
  }
}

TEST_CASE("a cache of a certain size adds to memory, unless that is set as well") {
  Config config;
  config.cache.size = 1024 * mib;
  CHECK(share_memory(config, UINT64_MAX).cache == 1024 * mib);
  CHECK(share_memory(config, UINT64_MAX).total == 1088 * mib);
  config.cache.size = 20 * mib;
  config.memory = 64 * mib;
  CHECK(share_memory(config, UINT64_MAX).total == 64 * mib);
  CHECK(share_memory(config, UINT64_MAX).cache == 20 * mib);
}

}  // namespace dnscache
