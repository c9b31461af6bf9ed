// One server that is asked: its connections, its health, and what it seems not to support.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "resolver/base/counters.hpp"
#include "resolver/upstream/attempt.hpp"
#include "resolver/upstream/cookie.hpp"
#include "resolver/upstream/health.hpp"
#include "resolver/upstream/quota.hpp"

namespace dnscache {

/// What of the configuration concerns each server.
struct UpstreamSettings {
  HealthConfig health;
  QuotaConfig quota;
  bool randomize_case = true;
  std::uint32_t no_soa_ttl = 0;  ///< seconds; see read_response()

  explicit UpstreamSettings(const Config& config);
  bool operator==(const UpstreamSettings&) const = default;
};

/// The two are reached in the same way; the interface that lists them may differ.
bool is_same_server(const UpstreamConfig& a, const UpstreamConfig& b);

/// One server, for all zones that it answers for. Used by one thread.
class Upstream {
 public:
  Upstream(World& world, const UpstreamConfig& config, const UpstreamSettings& settings);
  ~Upstream();
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  World& world() { return world_; }
  const UpstreamConfig& config() const { return config_; }
  const UpstreamSettings& settings() const { return settings_; }
  const Health& health() const { return health_; }
  UpstreamCounters counters() const;
  Limitations& limitations() { return limitations_; }
  const Cookie& cookie() const { return cookie_; }
  PacketRate& rate() { return rate_; }
  TimePoint last_sent() const { return last_sent_; }
  /// A question that it has answered.
  const std::optional<Question>& answered_question() const { return probe_question_; }

  /// How a query is put to this server, by all that is known of it.
  QueryForm usual_form() const;
  /// Sends a query; what becomes of it reaches `inbox`, unless that is null. Null after an error:
  /// over quota or no room in the socket (resource_unavailable_try_again), no route.
  Attempt* send(const Question& question, const QueryForm& form, Inbox* inbox,
                std::error_code& error);
  /// Takes an attempt that is over out of the list, so that the caller destroys it.
  std::unique_ptr<Attempt> release(Attempt& attempt);

  /// Not waited for from now on, only probed; races that wait for it hear of it.
  void suspect(const std::string& why);
  /// Finds out whether the server or only a name is silent: sends a query that it has answered
  /// before, unless it has just responded or is being probed.
  void probe_if_silent(TimePoint since);
  /// Probing goes on only while there are queries; to be called with each of them.
  void on_query();
  /// Packets to it may leave from another address now. Then it may be another server, and must not
  /// see that we are still the same client (RFC 7873 section 7.1): all that is known is forgotten.
  void on_network_change();
  void forget_limitations();
  /// One more packet in its quota; false when there is no room.
  bool take_packet();

  /// Whether an answer that may depend on mixed letter case is worth a query in lower case. True
  /// for the names below one name until one of them shows no difference, and not too often.
  bool take_case_check(const Name& name);
  /// The server, or one behind it, knows names in lower case only, at least this one.
  void on_case_mattered(const Name& name);
  bool does_case_matter(const Name& name) const;
  /// The names where it does, and until when that is believed.
  const std::map<Name, TimePoint>& lower_case_only() const { return lower_case_only_; }

  // What happens to queries.
  void on_answer(const Question& question);
  void on_response(const Attempt& attempt, const Response& response);
  void on_failure(const Attempt& attempt, std::error_code reason);
  /// `another_responded`: some server that knows the same did respond meanwhile.
  void on_timeout(const QueryForm& form, QuestionKind kind, TimePoint sent_at,
                  bool another_responded);
  void on_discarded() { ++counters_.ignored; }
  void on_hedge() { ++counters_.hedged; }
  void on_hedge_won() { ++counters_.won; }
  /// It seems not to support something, see Limitation::observe().
  void on_limitation(Limitation Limitations::*which, const std::string& reason, unsigned needed);
  /// False when the response lacks the cookie that this server has shown before (RFC 7873 5.3).
  bool accept_cookie(const Response& response, const QueryForm& form);

 private:
  void log(LogLevel level, const char* what, const std::string& fields);
  void log_recovery();
  void log_throttling();
  std::error_code carry(Attempt& attempt);
  void probe();
  void send_probe(const Question& question);

  World& world_;
  UpstreamConfig config_;
  UpstreamSettings settings_;
  std::optional<IpAddress> source_address_;
  PacketRate rate_;
  std::shared_ptr<Carrier> datagrams_;
  std::shared_ptr<Carrier> stream_;
  std::vector<std::unique_ptr<Attempt>> attempts_;

  Health health_;
  Limitations limitations_;
  Cookie cookie_;
  /// Responses without the cookie since the last one with it.
  struct {
    unsigned responses = 0;
    TimePoint since{};
    bool has_tcp_failed = false;
  } missing_cookie_;
  UpstreamCounters counters_;
  TimePoint last_sent_{};
  std::optional<TimePoint> silent_since_;     // it is suspected since then
  std::optional<TimePoint> throttled_since_;  // it was so at its last time-out
  TimePoint last_query_{};
  TimePoint last_probe_{};
  std::optional<Question> probe_question_;  // one that it has answered
  TimePoint probe_question_since_{};
  bool is_root_probed_ = true;  // the last time, instead of that
  Duration probe_interval_;
  Timer probe_timer_;
  std::unordered_set<std::size_t> case_checked_;  // hashes of names
  std::map<Name, TimePoint> lower_case_only_;
  TimePoint case_checks_since_{};
  unsigned case_checks_ = 0;  // since then
};

}  // namespace dnscache
