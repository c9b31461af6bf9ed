// Whom to ask next, and what may be spent on it.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "resolver/upstream/upstream.hpp"

namespace dnscache {

/// The servers for the names of one zone: in which order they are asked, and a budget for packets
/// that are not strictly needed.
class UpstreamGroup {
 public:
  /// A server and the lane that it is in. Lanes are raced beside each other; within a lane the
  /// order counts.
  struct Member {
    std::shared_ptr<Upstream> upstream;
    unsigned lane = 0;
  };
  /// A member as a race sees it.
  struct Choice {
    Upstream* upstream;
    unsigned lane;
  };
  using FindUpstream = std::function<std::shared_ptr<Upstream>(const UpstreamConfig&)>;

  UpstreamGroup(World& world, const Config& config, const Name& zone,
                const std::vector<UpstreamConfig>& servers, const FindUpstream& find);

  const Name& zone() const { return zone_; }
  SelectionPolicy policy() const { return policy_; }
  const std::vector<Member>& members() const { return members_; }
  World& world() { return world_; }
  const HedgeConfig& hedge() const { return hedge_; }
  /// How long until asking a second server as well pays.
  Duration hedge_after(const Upstream& upstream) const;
  /// The answer has an address that makes it worthless (ignore_addresses).
  bool ignores(const Answer& answer) const;

  /// All servers for a question of this kind, the one to ask first in front.
  std::vector<Choice> in_order(QuestionKind kind) const;
  bool has_healthy() const;
  /// No server is worth waiting for.
  bool is_down() const;
  /// Since when queries have been sent without any response.
  std::optional<TimePoint> silent_since() const;
  /// The same servers in the same order, for another zone perhaps.
  bool asks_the_same(const UpstreamGroup& other) const;
  /// Zone, servers, and how they are asked are the same.
  bool is_same(const UpstreamGroup& other) const;
  /// Some server is in both.
  bool overlaps(const UpstreamGroup& other) const;

  /// A question begins: earns its share of the budget and wakes probing.
  void on_question();
  /// The question that began is over.
  void on_end() { --outstanding_; }
  /// So many questions wait for these servers that none is to be asked more often than needed.
  bool is_crowded() const;
  void on_answer() { silent_since_.reset(); }
  /// Takes one packet from the budget for hedges, checks and looking at slower servers; false when
  /// there is none, or when a quota is near.
  bool take_extra_packet();
  /// The quota of a server is nearly used up.
  bool is_short_of_quota() const;
  /// Takes one of the few packets per second that are still sent to servers that look dead.
  bool take_last_resort_packet();
  /// A server that nothing has been sent to for a while, so that nothing is known of it.
  Upstream* neglected(const Upstream& asked) const;

  std::uint64_t extra_packets() const { return extra_packets_; }
  std::uint64_t extra_packets_that_won() const { return extra_packets_that_won_; }
  void on_extra_packet_won() { ++extra_packets_that_won_; }

  /// The inbox gets `room` when a quota has room again; false when too many wait already.
  bool wait_for_quota(Inbox& inbox);
  /// Questions that waited for room in a quota.
  std::uint64_t quota_waits() const { return quota_waits_; }
  bool has_queue() const { return !waiting_.empty(); }
  void stop_waiting(Inbox& inbox) { std::erase(waiting_, &inbox); }

 private:
  void serve_waiting();
  void log_quota();

  World& world_;
  Name zone_;
  SelectionPolicy policy_;
  HedgeConfig hedge_;
  std::vector<Network> ignored_;
  std::vector<Member> members_;
  std::optional<TimePoint> silent_since_;
  TimePoint last_question_{};
  std::size_t outstanding_ = 0;  // questions
  double extra_budget_;
  double last_resort_budget_;
  TimePoint last_resort_refilled_{};
  std::uint64_t extra_packets_ = 0;
  std::uint64_t extra_packets_that_won_ = 0;
  std::deque<Inbox*> waiting_;
  std::optional<TimePoint> quota_reached_at_;
  std::uint64_t quota_waits_ = 0;
  Timer quota_timer_;
};

}  // namespace dnscache
