// One upstream: how it is reached, how fast and how well it answers.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "resolver/upstream/cookie.hpp"
#include "resolver/upstream/quota.hpp"
#include "resolver/upstream/world.hpp"
#include "resolver/wire/answer.hpp"

namespace dnscache {

class Attempt;
class Exchange;
class UpstreamGroup;

/// What we think of an upstream.
enum class Health {
  untried,  ///< nothing sent or nothing decided yet
  healthy,  ///< its last word was an answer
  suspect,  ///< silent or unreachable: not waited for, only probed
  down,     ///< still silent after several probes
};

/// Round-trip time as TCP estimates it (RFC 6298), and its distribution.
class RttEstimator {
 public:
  void add(Duration rtt);
  bool known() const { return smoothed_ > Duration::zero(); }
  Duration smoothed() const { return smoothed_; }
  Duration variation() const { return variation_; }
  /// The round-trip time that 99 % of the answers stayed below, to about a tenth.
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

 private:
  std::array<std::optional<Duration>, most> times_{};
  std::size_t count_ = 0;
};

/// What an upstream was sent and what came of it, since the start.
struct UpstreamCounters {
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;
  std::uint64_t timeouts = 0;
  std::uint64_t errors = 0;   ///< SERVFAIL and the like, unreachable, connection lost
  std::uint64_t hedged = 0;   ///< asked because another was slow
  std::uint64_t won = 0;      ///< of those, answered first
  std::uint64_t ignored = 0;  ///< packets that were not the response: late, misdirected or forged
};

/// One server that is asked, with everything known about it. Used by one thread.
class Upstream {
 public:
  Upstream(World& world, UpstreamGroup& group, const UpstreamConfig& config,
           const HealthConfig& health, std::uint32_t quota);
  ~Upstream();
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  const UpstreamConfig& config() const { return config_; }
  UpstreamGroup& group() { return group_; }
  Health health() const { return health_; }
  bool is_usable() const { return health_ == Health::healthy || health_ == Health::untried; }
  const RttEstimator& rtt() const { return rtt_; }
  const RecentTimes& recent_times() const { return recent_times_; }
  const UpstreamCounters& counters() const { return counters_; }
  PacketRate& rate() { return rate_; }
  const std::string& last_failure() const { return last_failure_; }
  TimePoint last_failure_at() const { return last_failure_at_; }
  TimePoint last_sent() const { return last_sent_; }
  TimePoint last_answer() const { return last_answer_; }

  /// How long to wait for an answer before the next upstream is asked.
  Duration retry_after() const;
  /// How long until asking a second upstream as well pays.
  Duration hedge_after() const;
  /// What a question to this upstream is expected to cost, failures included.
  Duration expected_cost() const;

  /// Sends a question; `patience` is its retry time-out. The attempt reports to `exchange` until it
  /// is over or detached. Null when it can't be sent (over quota, no route): the reason is then
  /// recorded, and given in `error`.
  Attempt* ask(const Question& question, Exchange* exchange, Duration patience,
               std::error_code& error);
  /// Takes an attempt that is over out of the list, so that the caller destroys it.
  std::unique_ptr<Attempt> release(Attempt& attempt);
  /// Forgets round-trip time and health, as after a change of network.
  void forget();
  /// Probing goes on only while there are questions; the group calls this with each of them.
  void resume_probing();

  // What happens to attempts, told by them.
  void note_answer(std::optional<Duration> rtt, bool is_failure);
  void note_timeout(const Attempt& attempt);
  /// What fails over TCP only, the fallback for big answers, does not make the upstream suspect.
  void note_error(const std::string& what, Protocol protocol);
  void note_ignored() { ++counters_.ignored; }
  void note_hedge() { ++counters_.hedged; }
  void note_win() { ++counters_.won; }
  void note_case_changed();

 private:
  friend class Attempt;
  std::error_code send(Attempt& attempt, Protocol protocol);
  std::error_code carry(Attempt& attempt, Protocol protocol);
  void fall_suspect(const char* why);
  void recover();
  void probe();
  void record_failure(std::string what);

  World& world_;
  UpstreamGroup& group_;
  UpstreamConfig config_;
  HealthConfig health_config_;
  PacketRate rate_;
  std::unique_ptr<Carrier> datagrams_;
  std::unique_ptr<Carrier> stream_;
  std::vector<std::unique_ptr<Attempt>> attempts_;

  Health health_ = Health::untried;
  RttEstimator rtt_;
  RecentTimes recent_times_;
  double failure_share_ = 0;  // of the recent questions, 0 to 1
  unsigned timeouts_in_a_row_ = 0;
  unsigned failed_probes_ = 0;
  TimePoint last_sent_{};
  TimePoint last_answer_{};
  TimePoint silent_since_{};  // the first question after the last answer
  bool is_silent_ = false;
  Duration probe_interval_;
  Timer probe_timer_;

  bool speaks_edns_ = true;
  Cookie cookie_;
  bool mixes_case_ = true;  // we mix letter cases and expect them back ("0x20")
  bool has_kept_case_ = false;
  unsigned case_changes_ = 0;
  UpstreamCounters counters_;
  std::string last_failure_;
  TimePoint last_failure_at_{};
};

/// One question on its way to one upstream.
class Attempt final : public Parcel {
 public:
  Attempt(Upstream& upstream, const Question& question, Exchange* exchange);
  ~Attempt();

  Upstream& upstream() { return upstream_; }
  TimePoint sent_at() const { return sent_at_; }
  bool has_timed_out() const { return timed_out_; }
  Protocol protocol() const { return protocol_; }
  bool is_hedge() const { return is_hedge_; }
  void mark_as_hedge() { is_hedge_ = true; }
  /// The exchange is over: only watch what this upstream does, for its health.
  void detach() { exchange_ = nullptr; }

  std::span<std::uint8_t> query() override { return {query_.data(), query_size_}; }
  bool receive(ByteView packet) override;
  void fail(std::error_code reason) override;

 private:
  friend class Upstream;
  std::error_code send(Protocol protocol, Duration patience);
  bool take_response(Response response);
  /// True when the question was asked again in another way, which the server asks for.
  bool has_adapted(const Response& response);
  bool ask_again(Protocol protocol);
  void time_out();
  void finish_failed(std::error_code reason);

  Upstream& upstream_;
  Question question_;
  Exchange* exchange_;
  std::array<std::uint8_t, 336> query_;
  std::size_t query_size_ = 0;
  std::size_t place_ = 0;  // in the upstream's list
  TimePoint sent_at_{};
  Timer timer_;
  Protocol protocol_;
  bool with_edns_;
  bool with_cookie_ = true;
  bool had_bad_cookie_ = false;
  bool timed_out_ = false;
  bool is_hedge_ = false;
};

/// "healthy", "suspect", …
const char* health_text(Health health);
const char* protocol_text(Protocol protocol);

}  // namespace dnscache
