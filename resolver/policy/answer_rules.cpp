#include "resolver/policy/answer_rules.hpp"

#include <algorithm>

#include "resolver/wire/build.hpp"

namespace dnscache {
namespace {

std::vector<Network> networks(std::initializer_list<std::string_view> texts) {
  std::vector<Network> networks;
  for (const std::string_view text : texts) networks.push_back(*Network::parse(text));
  return networks;
}

// IPv4 addresses inside of IPv6 ones: ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2).
IpAddress unmapped(const IpAddress& address) {
  static const Network mapped = *Network::parse("::ffff:0:0/96");
  if (!mapped.contains(address)) return address;
  return IpAddress::v4(address.bytes[12], address.bytes[13], address.bytes[14], address.bytes[15]);
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
                "fd00::/8", "2001:db8::/32"});
  const IpAddress plain = unmapped(address);
  if (is_in(of_this_host, plain)) return !allow_localhost;
  return is_in(of_private_networks, plain);
}

AnswerRules::AnswerRules(const Config& config)
    : rebind_(config.rebind_protection),
      bogus_nxdomain_(config.bogus_nxdomain),
      negative_ttl_(config.cache.negative.default_ttl) {}

void AnswerRules::apply(const Question& question, const IpAddress& upstream, Answer& answer) const {
  if (answer.answer_count == 0) return;
  if (!bogus_nxdomain_.empty() && any_address(answer.view(), [&](ByteView bytes) {
        return is_in(bogus_nxdomain_, IpAddress::from_bytes(bytes));
      })) {
    return replace(answer, Rcode::nx_domain, ExtendedError::none, question, negative_ttl_);
  }
  if (!rebind_.enabled || may_be_private(question.name, upstream)) return;
  if (any_address(answer.view(), [&](ByteView bytes) {
        return is_rebind_target(IpAddress::from_bytes(bytes), rebind_.allow_localhost);
      })) {
    replace(answer, Rcode::no_error, ExtendedError::blocked, question, negative_ttl_);
  }
}

bool AnswerRules::may_be_private(const Name& name, const IpAddress& upstream) const {
  if (rebind_.private_upstreams && upstream.is_private()) return true;
  return std::ranges::any_of(rebind_.allow, [&](const Name& zone) { return name.is_within(zone); });
}

}  // namespace dnscache
