// How many packets go to one upstream.
#pragma once

#include <array>
#include <cstdint>

#include "resolver/config/config.hpp"
#include "resolver/upstream/timers.hpp"

namespace dnscache {

/// Counts packets over the last second and keeps them under a limit.
///
/// Route 53 Resolver drops what exceeds 1,024 packets per second and network interface without a
/// word (Amazon VPC user guide, "DNS quotas"), so the limit must hold for every second, wherever
/// it begins: a window slides in steps of a tenth, with one step more than a second in view.
class PacketRate {
 public:
  explicit PacketRate(std::uint32_t limit = 0) : limit_(limit) {}

  void count(TimePoint now);
  bool allows(TimePoint now) { return limit_ == 0 || in_window(now) < limit_; }
  /// How many more packets may go out now, 64 at most.
  std::uint32_t room(TimePoint now);
  /// So near the limit that only questions that clients wait for may be sent.
  bool is_tight(TimePoint now) { return limit_ != 0 && in_window(now) >= limit_ * 0.8; }

  std::uint32_t limit() const { return limit_; }  ///< packets per second; 0: none
  std::uint32_t current(TimePoint now) { return in_window(now); }
  std::uint32_t peak() const { return peak_; }

 private:
  static constexpr std::size_t steps = 11;
  std::uint32_t in_window(TimePoint now);

  std::uint32_t limit_;
  std::array<std::uint32_t, steps> counts_{};
  std::int64_t step_ = 0;  // the number of the newest tenth of a second
  std::uint32_t sum_ = 0;
  std::uint32_t peak_ = 0;
};

/// The limit for an upstream in packets per second, 0 for none: what is configured, else 1,024 for
/// the resolvers of an EC2 VPC (169.254.169.253, fd00:ec2::253, and the address two above the base
/// of the VPC, which is taken to be any private address that ends in .2 on an EC2 instance).
std::uint32_t quota_for(const Endpoint& upstream, const QuotaConfig& config);

/// One of the addresses of Amazon's Route 53 Resolver, which all answer the same: 169.254.169.253,
/// fd00:ec2::253 and, on an EC2 instance, the address two above the base of the VPC.
bool is_route53_resolver(const IpAddress& address);

/// This machine is an EC2 instance, as its firmware says.
bool is_ec2_instance();

}  // namespace dnscache
