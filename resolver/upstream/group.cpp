#include "resolver/upstream/group.hpp"

#include <algorithm>
#include <functional>

#include "resolver/upstream/exchange.hpp"

namespace dnscache {
namespace {

constexpr double extra_budget_cap = 4;  // packets that may be saved up for a bad moment
constexpr double last_resort_per_second = 10;
constexpr Duration neglected_after = 5s;
constexpr Duration in_use_for = 60s;
constexpr Duration quota_check_interval = 10ms;
constexpr std::size_t max_waiting = 512;  // half a second of a VPC resolver's quota

// A server that fell silent comes after all that may answer, whatever its speed was.
int rank_of(Health health) {
  switch (health) {
    case Health::healthy:
      return 0;
    case Health::untried:
      return 1;
    case Health::suspect:
      return 2;
    case Health::down:
      return 3;
  }
  return 3;
}

}  // namespace

UpstreamGroup::UpstreamGroup(World& world, const Config& config, const Name& zone,
                             const std::vector<UpstreamConfig>& upstreams)
    : world_(world),
      zone_(zone),
      policy_(config.policy),
      timeout_(config.timeout),
      hedge_(config.hedge),
      no_soa_ttl_(static_cast<std::uint32_t>(config.cache.negative.default_ttl.count())),
      ignored_(config.ignore_addresses),
      extra_budget_(config.hedge.budget > 0 ? 1 : 0),
      last_resort_budget_(last_resort_per_second),
      quota_timer_(world.timers(), [this] { serve_waiting(); }) {
  for (const UpstreamConfig& upstream : upstreams) {
    const std::uint32_t quota = quota_for(upstream.endpoint, config.quota);
    upstreams_.push_back(std::make_unique<Upstream>(world, *this, upstream, config.health, quota));
  }
}

std::vector<Upstream*> UpstreamGroup::in_order() const {
  std::vector<Upstream*> order;
  order.reserve(upstreams_.size());
  for (const auto& upstream : upstreams_) order.push_back(upstream.get());
  if (policy_ == SelectionPolicy::ordered) {
    std::stable_partition(order.begin(), order.end(), std::mem_fn(&Upstream::is_usable));
    return order;
  }
  std::ranges::stable_sort(order, [](const Upstream* a, const Upstream* b) {
    const int rank_a = rank_of(a->health());
    const int rank_b = rank_of(b->health());
    return rank_a != rank_b ? rank_a < rank_b : a->expected_cost() < b->expected_cost();
  });
  return order;
}

bool UpstreamGroup::has_healthy() const {
  return std::ranges::any_of(
      upstreams_, [](const auto& upstream) { return upstream->health() == Health::healthy; });
}

bool UpstreamGroup::is_down() const {
  return std::ranges::none_of(upstreams_, &Upstream::is_usable,
                              [](const auto& upstream) -> Upstream& { return *upstream; });
}

bool UpstreamGroup::another_answered_since(const Upstream& upstream, TimePoint when) const {
  return std::ranges::any_of(upstreams_, [&](const auto& other) {
    return other.get() != &upstream && other->last_answer() > when;
  });
}

void UpstreamGroup::note_question(const Question&) {
  last_question_ = world_.now();
  if (!silent_since_) silent_since_ = last_question_;
  extra_budget_ = std::min(extra_budget_ + hedge_.budget, extra_budget_cap);
  for (const auto& upstream : upstreams_) upstream->resume_probing();
}

void UpstreamGroup::note_answer(const Question& question) {
  silent_since_.reset();
  if (!probe_question_ || probe_question_->type != question.type) probe_question_ = question;
}

bool UpstreamGroup::is_short_of_quota() const {
  const TimePoint now = world_.now();
  return std::ranges::any_of(upstreams_,
                             [&](const auto& upstream) { return upstream->rate().is_tight(now); });
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
  for (const auto& upstream : upstreams_) {
    const bool is_due = now - upstream->last_sent() > neglected_after;
    if (upstream.get() != &asked && upstream->is_usable() && is_due) return upstream.get();
  }
  return nullptr;
}

bool UpstreamGroup::ignores(const Answer& answer) const {
  return !ignored_.empty() && any_address(answer.view(), [&](ByteView address) {
    return is_in(ignored_, IpAddress::from_bytes(address));
  });
}

bool UpstreamGroup::is_in_use() const { return world_.now() - last_question_ < in_use_for; }

bool UpstreamGroup::wait_for_quota(Exchange& exchange) {
  if (waiting_.size() >= max_waiting) return false;
  waiting_.push_back(&exchange);
  if (!quota_timer_.is_set()) quota_timer_.set(world_.now() + quota_check_interval);
  return true;
}

void UpstreamGroup::stop_waiting(Exchange& exchange) { std::erase(waiting_, &exchange); }

// In order of arrival, as long as some upstream's quota has room.
void UpstreamGroup::serve_waiting() {
  const auto has_room = [this] {
    return std::ranges::any_of(upstreams_, [now = world_.now()](const auto& upstream) {
      return upstream->rate().allows(now);
    });
  };
  for (std::size_t left = waiting_.size(); left > 0 && has_room(); --left) {
    Exchange* exchange = waiting_.front();
    waiting_.pop_front();
    // The last exchange of a group that a reload has replaced ends the group as well.
    if (waiting_.empty()) return exchange->on_quota();
    exchange->on_quota();  // it may wait again, for the one upstream that still has no room
  }
  if (!waiting_.empty()) quota_timer_.set(world_.now() + quota_check_interval);
}

}  // namespace dnscache
