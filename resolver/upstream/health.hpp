// What we know of one server, and when we forget it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "resolver/config/config.hpp"
#include "resolver/upstream/timers.hpp"

namespace dnscache {

/// Whether a server can be waited for, the better first.
enum class HealthState {
  healthy,  ///< its last word was a response
  untried,  ///< nothing is known yet
  suspect,  ///< silent or unreachable: not waited for, only probed
  down,     ///< still silent after several probes
};
inline constexpr auto health_words = words_of<HealthState>({{HealthState::healthy, "healthy"},
                                                            {HealthState::untried, "untried"},
                                                            {HealthState::suspect, "suspect"},
                                                            {HealthState::down, "down"}});

/// Round-trip time as TCP estimates it (RFC 6298), and its distribution.
class RttEstimator {
 public:
  void add(Duration rtt);
  bool known() const { return smoothed_ > Duration::zero(); }
  Duration smoothed() const { return smoothed_; }
  Duration variation() const { return variation_; }
  /// The round-trip time that 99 % of the responses stayed below, to about a tenth.
  Duration p99() const;
  /// How many there were, how many of them below `bound` (a power of two of microseconds), and
  /// their sum.
  std::uint64_t count() const { return samples_; }
  std::uint64_t count_below(Duration bound) const;
  Duration total() const { return total_; }

 private:
  static constexpr std::size_t buckets = 96;
  static std::size_t bucket_of(Duration rtt);
  static Duration upper_bound(std::size_t bucket);

  Duration smoothed_{};
  Duration variation_{};
  std::array<std::uint32_t, buckets> histogram_{};
  std::uint64_t samples_ = 0;
  Duration total_{};
};

/// The last few round-trip times, for people to look at; a time-out has none.
class RecentTimes {
 public:
  static constexpr std::size_t most = 32;

  void add(std::optional<Duration> rtt) { times_[count_++ % most] = rtt; }
  /// The oldest first.
  std::vector<std::optional<Duration>> in_order() const;
  /// Zero when there is none.
  Duration shortest() const;

 private:
  std::array<std::optional<Duration>, most> times_{};
  std::size_t count_ = 0;
};

/// Kinds of questions that servers fail at separately: a router that drops AAAA answers A well.
enum class QuestionKind { ipv4_address, ipv6_address, service_binding, other };
inline constexpr std::array question_kinds{QuestionKind::ipv4_address, QuestionKind::ipv6_address,
                                           QuestionKind::service_binding, QuestionKind::other};
QuestionKind kind_of(std::uint16_t type);
/// The types of a kind, "AAAA".
const char* types_of(QuestionKind kind);

/// How fast and how reliably a server responds. Pure: the caller brings the time and the events.
class Health {
 public:
  HealthState state() const { return state_; }
  bool is_usable() const {
    return state_ == HealthState::healthy || state_ == HealthState::untried;
  }
  const RttEstimator& rtt() const { return rtt_; }
  const RecentTimes& recent_times() const { return recent_times_; }
  const std::string& last_failure() const { return last_failure_; }
  TimePoint last_failure_at() const { return last_failure_at_; }
  bool has_responded_since(TimePoint when) const { return last_response_ > when; }
  bool has_responded_to(QuestionKind kind) const { return responded_[index(kind)]; }

  /// How long to wait for the response to a packet before the next one is sent (RFC 6298).
  Duration retry_after() const;
  /// Most questions of this kind come to nothing, others do not: that type is not for this server.
  bool fails_at(QuestionKind kind) const;
  /// What a question of this kind is expected to cost, failures included.
  Duration expected_cost(QuestionKind kind) const;

  void sent(TimePoint now);
  /// A response of any kind. `rtt` is unknown where a connection had to be made first.
  void responded(TimePoint now, std::optional<Duration> rtt, QuestionKind kind, bool is_failure);
  /// Nothing came in time for one packet. True when the server has been silent for so long, and so
  /// often, that it must be taken for dead even where no other server shows that it is.
  bool timed_out(TimePoint now, QuestionKind kind);
  void failed(TimePoint now, std::string why, QuestionKind kind);
  void note_failure(TimePoint now, std::string why);

  /// From now on it is only probed. False when it was so before.
  bool suspect(TimePoint now, std::string why);
  /// A probe has been sent; after several without a response the server is down.
  void probed();

 private:
  static std::size_t index(QuestionKind kind) { return static_cast<std::size_t>(kind); }
  void add_failure(QuestionKind kind, bool is_failure);

  HealthState state_ = HealthState::untried;
  RttEstimator rtt_;
  RecentTimes recent_times_;
  std::array<double, question_kinds.size()> failure_share_{};  // of the recent questions, 0 to 1
  std::array<bool, question_kinds.size()> responded_{};
  unsigned timeouts_in_a_row_ = 0;
  unsigned unanswered_probes_ = 0;
  TimePoint last_response_{};
  TimePoint silent_since_{};  // the first packet after the last response
  bool is_silent_ = false;
  std::string last_failure_;
  TimePoint last_failure_at_{};
};

/// Something that a server seems not to support. It is believed after `needed` observations, for
/// ten minutes (RFC 6891 section 7 wants an end), and never of a server that has supported it.
class Limitation {
 public:
  static constexpr Duration lifetime = std::chrono::minutes(10);

  bool holds(TimePoint now) const { return now < until_; }
  const std::string& reason() const { return reason_; }
  TimePoint until() const { return until_; }
  bool is_refuted() const { return is_refuted_; }

  void observe(TimePoint now, std::string reason, unsigned needed);
  /// The server has shown that it supports this.
  void refute();

 private:
  bool is_refuted_ = false;
  unsigned observed_ = 0;
  TimePoint until_{};
  std::string reason_;
};

/// What a server seems not to support, the least important first.
struct Limitations {
  Limitation mixed_case;  ///< names in mixed letter case (draft-vixie-dnsext-dns0x20)
  Limitation cookie;      ///< the COOKIE option (RFC 7873)
  Limitation edns;        ///< EDNS (RFC 6891)

  std::array<std::pair<const char*, const Limitation*>, 3> by_name() const {
    return {{{"mixed letter case", &mixed_case}, {"cookie", &cookie}, {"EDNS", &edns}}};
  }
};

}  // namespace dnscache
