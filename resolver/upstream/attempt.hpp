// One packet to one server, or one message over a connection, and its end.
#pragma once

#include <memory>

#include "resolver/upstream/inbox.hpp"
#include "resolver/wire/query.hpp"

namespace dnscache {

class Upstream;

/// One query on its way to one server. It belongs to the server; its end reaches the inbox that it
/// was sent for, until that lets it go.
class Attempt final : public Transaction {
 public:
  /// `inbox` is null for probes.
  Attempt(Upstream& upstream, const Question& question, const QueryForm& form, Inbox* inbox);
  ~Attempt();

  Upstream& upstream() { return upstream_; }
  const QueryForm& form() const { return form_; }
  bool has_capitals() const { return has_capitals_; }  ///< in the name, to be repeated
  std::uint16_t type() const { return type_; }
  TimePoint sent_at() const { return sent_at_; }
  /// Its numbers in the race, see Event.
  void set_numbers(unsigned attempt, unsigned candidate) {
    number_ = attempt;
    candidate_ = candidate;
  }
  unsigned number() const { return number_; }
  /// The race no longer waits for it.
  void give_up() { is_given_up_ = true; }
  /// Nobody waits any more: what is not given up goes on for a moment, for the server's health.
  /// `another_responded`: a server that knows the same did, so that silence from now on means that
  /// this one is down.
  void detach(bool another_responded);
  /// The server is taken for dead.
  void report_suspected();

  std::span<std::uint8_t> query() override { return {query_.get(), query_size_}; }
  bool receive(ByteView packet) override;
  bool take_connection() override;
  void fail(std::error_code reason) override;

 private:
  friend class Upstream;
  Event event(Event::Kind kind) const;
  void discard(Event::Kind why);
  void end(Event event);
  void time_out();

  Upstream& upstream_;
  Inbox* inbox_;
  QueryForm form_;
  std::uint16_t type_;
  bool has_capitals_ = false;
  bool is_given_up_ = false;
  bool another_responded_ = false;
  unsigned number_ = 0;
  unsigned candidate_ = 0;
  std::size_t place_ = 0;  // in the server's list
  std::size_t query_size_ = 0;
  TimePoint sent_at_{};
  std::unique_ptr<Timer> timer_;  // while nobody waits
  std::unique_ptr<std::uint8_t[]> query_;
};

}  // namespace dnscache
