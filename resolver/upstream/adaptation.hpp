// How one question is put to one server, when the server seems not to support all that we send.
#pragma once

#include "resolver/upstream/upstream.hpp"

namespace dnscache {

/// The form of the next query of one question to one server. What comes of a query may change it,
/// the least important first: letter case, cookie, EDNS. What helps is remembered of the server.
/// The functions that return a bool say whether the server is to be asked again at once.
class Adaptation {
 public:
  Adaptation(Upstream& upstream, const StoredQuestion& question);

  const QueryForm& form() const { return form_; }
  bool is_over_udp() const { return form_.protocol == Protocol::udp; }
  /// The last query left something out because of what came of those before.
  bool is_trial() const { return needed_ > 0; }

  /// `counts`: no other server's answer is preferred to this one.
  bool after_response(const Event& event, bool counts);
  /// A response whose name has other letters capitalized was discarded.
  bool after_wrong_case();
  /// A response without the server's cookie was discarded.
  bool after_missing_cookie();
  /// A query over TCP failed or was not answered.
  bool after_failure_over_tcp();
  /// `unanswered`: how many queries of this question now.
  void after_silence(unsigned unanswered);
  /// What an answer that counts shows of the server. `has_failure`: the one before was a failure.
  void learn(const Event& event, bool has_failure);

 private:
  void leave_out(bool QueryForm::*what, const char* complaint, unsigned needed);
  bool goes_to_tcp(const QueryForm& form);
  bool drops_something(const Event& event);
  bool checks_case(const Event& event);

  Upstream& upstream_;
  const StoredQuestion& question_;
  QueryForm form_;
  // What it shows of the server if the form helps, and how often that must be seen.
  const char* complaint_ = "";
  unsigned needed_ = 0;
  bool had_bad_cookie_ = false;
  bool lacks_cookie_ = false;     // it goes over TCP for want of one
  bool is_case_checked_ = false;  // the answer in mixed case waits for the one in lower case
};

}  // namespace dnscache
