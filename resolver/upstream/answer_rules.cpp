#include "resolver/upstream/answer_rules.hpp"

#include <algorithm>

#include "resolver/wire/build.hpp"

namespace dnscache {
namespace {

std::vector<Network> networks(std::initializer_list<std::string_view> texts) {
  std::vector<Network> networks;
  for (const std::string_view text : texts) networks.push_back(*Network::parse(text));
  return networks;
}

// The IPv4 address that an IPv6 one leads to: mapped and compatible (RFC 4291 section 2.5.5),
// behind NAT64 (RFC 6052), and 6to4 (RFC 3056).
IpAddress unwrapped(const IpAddress& address) {
  static const std::vector<Network> at_the_end =
      networks({"::ffff:0:0/96", "::/96", "64:ff9b::/96"});
  static const Network six_to_four = *Network::parse("2002::/16");
  if (!address.is_v6) return address;
  const auto v4_at = [&](std::size_t at) {
    return IpAddress::v4(address.bytes[at], address.bytes[at + 1], address.bytes[at + 2],
                         address.bytes[at + 3]);
  };
  if (six_to_four.contains(address)) return v4_at(2);
  return is_in(at_the_end, address) ? v4_at(12) : address;
}

// A local answer in place of an upstream's, kept for `ttl` seconds.
void replace(Answer& answer, Rcode rcode, ExtendedError reason, const Question& question,
             std::chrono::seconds ttl) {
  const auto seconds = static_cast<std::uint32_t>(ttl.count());
  answer = Answer(rcode, reason);
  add_local_soa(answer, question.name, seconds);
  answer.ttl = seconds;
}

}  // namespace

bool is_rebind_target(const IpAddress& address, bool allow_localhost) {
  static const std::vector<Network> of_this_host =
      networks({"127.0.0.0/8", "0.0.0.0/8", "::1", "::"});
  static const std::vector<Network> of_private_networks =
      networks({"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "192.0.2.0/24",
                "198.51.100.0/24", "203.0.113.0/24", "255.255.255.255", "fe80::/10", "fec0::/10",
                "fd00::/8", "64:ff9b:1::/48", "2001:db8::/32"});
  const IpAddress plain = unwrapped(address);
  const bool is_of_this_host = is_in(of_this_host, address) || is_in(of_this_host, plain);
  if (is_of_this_host) return !allow_localhost;
  return is_in(of_private_networks, plain);
}

AnswerRules::AnswerRules(const Config& config)
    : rebind_(config.rebind_protection),
      bogus_nxdomain_(config.bogus_nxdomain),
      ttl_(config.local.ttl) {}

const char* AnswerRules::apply(const Question& question, const IpAddress& upstream,
                               Answer& answer) const {
  if (answer.answer_count + answer.additional_count == 0) return nullptr;
  if (!bogus_nxdomain_.empty() && any_address(answer.view(), [&](ByteView bytes) {
        return is_in(bogus_nxdomain_, IpAddress::from_bytes(bytes));
      })) {
    replace(answer, Rcode::nx_domain, ExtendedError::none, question, ttl_);
    return "bogus_nxdomain";
  }
  if (!rebind_.enabled || may_be_private(question.name, upstream)) return nullptr;
  const auto is_target = [&](ByteView bytes) {
    return is_rebind_target(IpAddress::from_bytes(bytes), rebind_.allow_localhost);
  };
  if (any_address(answer.view(), is_target)) {
    replace(answer, Rcode::no_error, ExtendedError::blocked, question, ttl_);
    return "rebind_protection";
  }
  // Hints that nobody asked for: the answer is good without them.
  if (!any_additional_address(answer.view(), is_target)) return nullptr;
  answer.drop_additional();
  return "rebind_protection";
}

bool AnswerRules::may_be_private(const Name& name, const IpAddress& upstream) const {
  if (rebind_.private_upstreams && upstream.is_private()) return true;
  return std::ranges::any_of(rebind_.allow, [&](const Name& zone) { return name.is_within(zone); });
}

}  // namespace dnscache
