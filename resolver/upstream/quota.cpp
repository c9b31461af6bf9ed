#include "resolver/upstream/quota.hpp"

#include <algorithm>
#include <fstream>
#include <string>

namespace dnscache {

void PacketRate::count(TimePoint now) {
  in_window(now);
  ++counts_[static_cast<std::size_t>(step_) % steps];
  peak_ = std::max(peak_, ++sum_);
}

std::uint32_t PacketRate::in_window(TimePoint now) {
  const std::int64_t step = now.time_since_epoch() / std::chrono::milliseconds(100);
  const auto passed = std::min<std::int64_t>(step - step_, steps);
  for (std::int64_t i = 1; i <= passed; ++i) {
    std::uint32_t& oldest = counts_[static_cast<std::size_t>(step_ + i) % steps];
    sum_ -= oldest;
    oldest = 0;
  }
  step_ = std::max(step, step_);
  return sum_;
}

bool is_ec2_instance() {
  std::ifstream file("/sys/class/dmi/id/sys_vendor");
  std::string vendor;
  std::getline(file, vendor);
  return vendor == "Amazon EC2";
}

bool is_route53_resolver(const IpAddress& address) {
  static const auto link_local = IpAddress::v4(169, 254, 169, 253);
  static const auto ec2_v6 = IpAddress::parse("fd00:ec2::253");
  if (address == link_local || address == *ec2_v6) return true;
  const bool is_plus_two = !address.is_v6 && address.is_private() && address.bytes[3] == 2;
  return is_plus_two && !address.is_loopback() && is_ec2_instance();
}

std::uint32_t quota_for(const Endpoint& upstream, const QuotaConfig& config) {
  constexpr std::uint32_t route53_quota = 1024;
  if (config.packets_per_second) return *config.packets_per_second;
  const IpAddress& address = upstream.address;
  if (address.is_loopback()) return 0;
  return address.is_link_local() || is_route53_resolver(address) ? route53_quota : 0;
}

std::uint32_t PacketRate::room(TimePoint now) {
  constexpr std::uint32_t most = 64;
  if (limit_ == 0) return most;
  const std::uint32_t sent = in_window(now);
  return sent < limit_ ? std::min(limit_ - sent, most) : 0;
}

}  // namespace dnscache
