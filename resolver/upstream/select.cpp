#include "resolver/upstream/select.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <functional>

namespace dnscache {
namespace {

constexpr double extra_budget_cap = 4;  // packets that may be saved up for a bad moment
constexpr double last_resort_per_second = 10;
constexpr Duration min_hedge_after = 5ms;
constexpr Duration neglected_after = 5s;
constexpr Duration silence_forgotten_after = 60s;
constexpr Duration quota_check_interval = 10ms;
constexpr std::size_t many_outstanding = 1000;  // questions: far more than a busy machine has
constexpr Duration quota_log_interval = 60s;
constexpr std::size_t max_waiting = 512;  // half a second of a VPC resolver's quota

// Only of the addresses of Route 53 Resolver do we know by ourselves that all answer the same. An
// address two above some base may be somebody else's, so it counts once.
SelectionPolicy policy_for(const Config& config, const std::vector<UpstreamConfig>& servers) {
  if (config.policy != SelectionPolicy::automatic) return config.policy;
  unsigned in_vpc = 0;
  for (const UpstreamConfig& server : servers) {
    const IpAddress& address = server.endpoint.address;
    if (!is_route53_resolver(address)) return SelectionPolicy::ordered;
    if (!address.is_link_local() && !address.is_v6) ++in_vpc;
  }
  return in_vpc <= 1 ? SelectionPolicy::fastest : SelectionPolicy::ordered;
}

}  // namespace

UpstreamGroup::UpstreamGroup(World& world, const Config& config, const Name& zone,
                             const std::vector<UpstreamConfig>& servers, const FindUpstream& find)
    : world_(world),
      zone_(zone),
      policy_(policy_for(config, servers)),
      hedge_(config.hedge),
      ignored_(config.ignore_addresses),
      extra_budget_(config.hedge.budget > 0 ? 1 : 0),
      last_resort_budget_(last_resort_per_second),
      quota_timer_(world.timers(), [this] { serve_waiting(); }) {
  std::vector<std::string> links;
  for (const UpstreamConfig& server : servers) {
    auto link = std::ranges::find(links, server.link);
    if (link == links.end()) link = links.insert(links.end(), server.link);
    unsigned lane = 0;
    if (policy_ == SelectionPolicy::parallel) lane = static_cast<unsigned>(members_.size());
    if (policy_ == SelectionPolicy::ordered) lane = static_cast<unsigned>(link - links.begin());
    members_.push_back({find(server), lane});
  }
}

std::vector<UpstreamGroup::Choice> UpstreamGroup::in_order(QuestionKind kind) const {
  std::vector<Choice> order;
  order.reserve(members_.size());
  for (const Member& member : members_) order.push_back({member.upstream.get(), member.lane});
  if (policy_ == SelectionPolicy::ordered) {
    std::ranges::stable_partition(
        order, [](const Choice& choice) { return choice.upstream->health().is_usable(); });
    return order;
  }
  // A server that fell silent comes after all that may answer, whatever its speed was.
  std::ranges::stable_sort(order, {}, [kind](const Choice& choice) {
    const Health& health = choice.upstream->health();
    return std::pair(health.state(), health.expected_cost(kind));
  });
  return order;
}

Duration UpstreamGroup::hedge_after(const Upstream& upstream) const {
  if (hedge_.after) return *hedge_.after;
  const RttEstimator& rtt = upstream.health().rtt();
  return std::max(rtt.smoothed() + 2 * rtt.variation(), min_hedge_after);
}

bool UpstreamGroup::has_healthy() const {
  return std::ranges::any_of(members_, [](const Member& member) {
    return member.upstream->health().state() == HealthState::healthy;
  });
}

bool UpstreamGroup::is_down() const {
  return std::ranges::none_of(
      members_, [](const Member& member) { return member.upstream->health().is_usable(); });
}

bool UpstreamGroup::asks_the_same(const UpstreamGroup& other) const {
  return policy_ == other.policy_ &&
         std::ranges::equal(members_, other.members_, [](const Member& a, const Member& b) {
           return a.upstream == b.upstream && a.lane == b.lane;
         });
}

bool UpstreamGroup::is_same(const UpstreamGroup& other) const {
  return zone_ == other.zone_ && hedge_ == other.hedge_ && ignored_ == other.ignored_ &&
         asks_the_same(other);
}

bool UpstreamGroup::overlaps(const UpstreamGroup& other) const {
  return std::ranges::any_of(members_, [&](const Member& member) {
    return std::ranges::any_of(other.members_, [&](const Member& theirs) {
      return is_same_server(member.upstream->config(), theirs.upstream->config());
    });
  });
}

std::optional<TimePoint> UpstreamGroup::silent_since() const {
  const bool is_over =
      !silent_since_ || std::ranges::any_of(members_, [this](const Member& member) {
        return member.upstream->health().has_responded_since(*silent_since_);
      });
  return is_over ? std::nullopt : silent_since_;
}

void UpstreamGroup::on_question() {
  const TimePoint now = world_.now();
  // What was so a minute ago says nothing about now.
  if (!silent_since() || now - last_question_ > silence_forgotten_after) silent_since_ = now;
  last_question_ = now;
  ++outstanding_;
  extra_budget_ = std::min(extra_budget_ + hedge_.budget, extra_budget_cap);
  for (const Member& member : members_) member.upstream->on_query();
}

bool UpstreamGroup::is_crowded() const { return outstanding_ > many_outstanding; }

bool UpstreamGroup::is_short_of_quota() const {
  const TimePoint now = world_.now();
  return std::ranges::any_of(
      members_, [now](const Member& member) { return member.upstream->rate().is_tight(now); });
}

bool UpstreamGroup::take_extra_packet() {
  if (extra_budget_ < 1 || is_short_of_quota()) return false;
  extra_budget_ -= 1;
  ++extra_packets_;
  return true;
}

bool UpstreamGroup::take_last_resort_packet() {
  const TimePoint now = world_.now();
  const std::chrono::duration<double> passed = now - last_resort_refilled_;
  last_resort_refilled_ = now;
  last_resort_budget_ = std::min(last_resort_budget_ + passed.count() * last_resort_per_second,
                                 last_resort_per_second);
  if (last_resort_budget_ < 1) return false;
  last_resort_budget_ -= 1;
  return true;
}

Upstream* UpstreamGroup::neglected(const Upstream& asked) const {
  const TimePoint now = world_.now();
  for (const auto& [upstream, lane] : members_) {
    const bool is_due = now - upstream->last_sent() > neglected_after;
    if (upstream.get() != &asked && upstream->health().is_usable() && is_due) return upstream.get();
  }
  return nullptr;
}

bool UpstreamGroup::ignores(const Answer& answer) const {
  return !ignored_.empty() && any_address(answer.view(), [&](ByteView address) {
    return is_in(ignored_, IpAddress::from_bytes(address));
  });
}

// Once for a time in which it is reached again and again.
void UpstreamGroup::log_quota() {
  const TimePoint now = world_.now();
  const bool is_new = !quota_reached_at_ || now - *quota_reached_at_ > quota_log_interval;
  quota_reached_at_ = now;
  if (!is_new) return;
  std::uint64_t packets = 0;
  for (const Member& member : members_) packets += member.upstream->rate().limit();
  world_.log(LogLevel::warning,
             fmt::format("quota reached: zone={} packets_per_second={}", zone_.to_text(), packets));
}

bool UpstreamGroup::wait_for_quota(Inbox& inbox) {
  log_quota();
  ++quota_waits_;
  if (waiting_.size() >= max_waiting) return false;
  waiting_.push_back(&inbox);
  if (!quota_timer_.is_set()) quota_timer_.set(world_.now() + quota_check_interval);
  return true;
}

// In order of arrival, as many as the quotas have room for.
void UpstreamGroup::serve_waiting() {
  const TimePoint now = world_.now();
  std::size_t room = 0;
  std::optional<unsigned> served;  // under `ordered` only the first of a lane is waited for
  for (const auto& [upstream, lane] : members_) {
    if (policy_ == SelectionPolicy::ordered && (lane == served || !upstream->health().is_usable()))
      continue;
    served = lane;
    room += upstream->rate().room(now);
  }
  if (!served) room = waiting_.size();  // all look dead: they find out by themselves
  for (; room > 0 && !waiting_.empty(); --room) {
    waiting_.front()->put(Event::Kind::room);
    waiting_.pop_front();
  }
  if (!waiting_.empty()) quota_timer_.set(now + quota_check_interval);
}

}  // namespace dnscache
