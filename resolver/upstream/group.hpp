// The upstreams that can answer the same questions, and which of them to ask.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "resolver/upstream/upstream.hpp"

namespace dnscache {

/// A set of upstreams for one zone: chooses among them and pays for extra packets from a budget.
class UpstreamGroup {
 public:
  UpstreamGroup(World& world, const Config& config, const Name& zone,
                const std::vector<UpstreamConfig>& upstreams);

  const Name& zone() const { return zone_; }
  SelectionPolicy policy() const { return policy_; }
  const std::vector<std::unique_ptr<Upstream>>& upstreams() const { return upstreams_; }
  World& world() { return world_; }
  Duration timeout() const { return timeout_; }
  std::uint32_t no_soa_ttl() const { return no_soa_ttl_; }
  const HedgeConfig& hedge() const { return hedge_; }
  /// The answer has an address that makes it worthless (ignore_addresses).
  bool ignores(const Answer& answer) const;

  /// All upstreams, the one to ask first in front.
  std::vector<Upstream*> in_order() const;
  bool has_healthy() const;
  /// No upstream is worth waiting for.
  bool is_down() const;
  /// Since when questions have been asked without any answer.
  std::optional<TimePoint> silent_since() const { return silent_since_; }
  /// Some other upstream than `upstream` has answered since `when`.
  bool another_answered_since(const Upstream& upstream, TimePoint when) const;

  /// A question begins: earns its share of the budget and wakes probing.
  void note_question(const Question& question);
  void note_answer(const Question& question);
  /// Takes one packet from the budget for hedges, prefetches and looking at slower upstreams;
  /// false when there is none, or when a quota is near.
  bool take_extra_packet();
  /// The quota of an upstream is nearly used up.
  bool is_short_of_quota() const;
  /// Takes one of the few packets per second that are still sent to upstreams that look dead.
  bool take_last_resort_packet();
  /// An upstream that nothing has been sent to for a while, so that nothing is known of it.
  Upstream* neglected(const Upstream& asked) const;
  /// The last question that was answered, to probe silent upstreams with.
  const std::optional<Question>& probe_question() const { return probe_question_; }
  /// Questions have been asked lately.
  bool is_in_use() const;

  std::uint64_t extra_packets() const { return extra_packets_; }
  std::uint64_t extra_packets_that_won() const { return extra_packets_that_won_; }
  void note_extra_packet_won() { ++extra_packets_that_won_; }

  /// Queues an exchange until a quota has room again; false when the queue is full.
  bool wait_for_quota(Exchange& exchange);
  void stop_waiting(Exchange& exchange);

 private:
  void serve_waiting();

  World& world_;
  Name zone_;
  SelectionPolicy policy_;
  Duration timeout_;
  HedgeConfig hedge_;
  std::uint32_t no_soa_ttl_;
  std::vector<Network> ignored_;
  std::vector<std::unique_ptr<Upstream>> upstreams_;
  std::optional<TimePoint> silent_since_;
  std::optional<Question> probe_question_;
  TimePoint last_question_{};
  double extra_budget_;
  double last_resort_budget_;
  TimePoint last_resort_refilled_{};
  std::uint64_t extra_packets_ = 0;
  std::uint64_t extra_packets_that_won_ = 0;
  std::deque<Exchange*> waiting_;
  Timer quota_timer_;
};

}  // namespace dnscache
