#include "resolver/upstream/ena.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <vector>

#include "resolver/base/file_descriptor.hpp"

namespace dnscache {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view counter_name = "linklocal_allowance_exceeded";
constexpr Duration read_interval = 100ms;
constexpr Duration throttled_for = 1s;

/// ethtool's requests to one interface.
class Ethtool {
 public:
  Ethtool(int fd, const char* interface) : fd_(fd) {
    std::strncpy(request_.ifr_name, interface, IFNAMSIZ - 1);
  }

  std::optional<std::uint64_t> counter(std::string_view name) {
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    if (!ask(&info) || info.n_stats == 0) return std::nullopt;
    const std::size_t count = info.n_stats;

    // Both answers are a header with an array of `count` elements behind it.
    std::vector<std::uint64_t> names((sizeof(ethtool_gstrings) + count * ETH_GSTRING_LEN) / 8 + 1);
    auto* strings = reinterpret_cast<ethtool_gstrings*>(names.data());
    strings->cmd = ETHTOOL_GSTRINGS;
    strings->string_set = ETH_SS_STATS;
    strings->len = info.n_stats;
    std::vector<std::uint64_t> values(sizeof(ethtool_stats) / 8 + count);
    auto* stats = reinterpret_cast<ethtool_stats*>(values.data());
    stats->cmd = ETHTOOL_GSTATS;
    stats->n_stats = info.n_stats;
    if (!ask(strings) || !ask(stats)) return std::nullopt;
    for (std::size_t i = 0; i < std::min<std::size_t>({count, strings->len, stats->n_stats}); ++i) {
      const char* text = reinterpret_cast<const char*>(strings->data) + i * ETH_GSTRING_LEN;
      if (std::string_view(text, ::strnlen(text, ETH_GSTRING_LEN)) == name) return stats->data[i];
    }
    return std::nullopt;
  }

 private:
  bool ask(void* data) {
    request_.ifr_data = static_cast<char*>(data);
    return ::ioctl(fd_, SIOCETHTOOL, &request_) == 0;
  }

  int fd_;
  ifreq request_{};
};

}  // namespace

std::optional<std::uint64_t> read_linklocal_allowance_exceeded() {
  const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return std::nullopt;
  std::optional<std::uint64_t> sum;
  // Not if_nameindex(3), which wants netlink: the service's sandbox has none.
  std::error_code error;
  auto interface = std::filesystem::directory_iterator("/sys/class/net", error);
  for (; !error && interface != std::filesystem::directory_iterator(); interface.increment(error)) {
    const std::string name = interface->path().filename().string();
    if (const auto count = Ethtool(socket.get(), name.c_str()).counter(counter_name)) {
      sum = sum.value_or(0) + *count;
    }
  }
  return sum;
}

bool ThrottleWatch::is_throttled(TimePoint now) {
  if (!has_counter_) return false;
  if (now - read_at_ >= read_interval) {
    const auto fresh = read_linklocal_allowance_exceeded();
    has_counter_ = fresh.has_value();
    if (fresh && dropped_ && *fresh > *dropped_) grew_at_ = now;
    dropped_ = fresh;
    read_at_ = now;
  }
  return grew_at_ != TimePoint{} && now - grew_at_ < throttled_for;
}

}  // namespace dnscache
