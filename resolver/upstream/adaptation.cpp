#include "resolver/upstream/adaptation.hpp"

#include <utility>

namespace dnscache {

Adaptation::Adaptation(Upstream& upstream, const StoredQuestion& question)
    : upstream_(upstream), question_(question), form_(upstream.usual_form()) {
  if (upstream.does_case_matter(question.get().name)) form_.mixed_case = false;
}

bool Adaptation::after_response(const Event& event, bool counts) {
  const Answer& answer = event.response.answer;
  const bool over_udp = event.form.protocol == Protocol::udp;
  if (event.response.truncated) return over_udp && goes_to_tcp(event.form);
  // RFC 7873 section 5.3: the response has brought the cookie that counts now.
  if (answer.rcode == Rcode::bad_cookie && event.form.cookie) {
    if (std::exchange(had_bad_cookie_, true)) return goes_to_tcp(form_);
    form_.cookie = is_over_udp();
    return true;
  }
  if (answer.is_lame) return false;
  return (answer.is_failure() && drops_something(event)) || (counts && checks_case(event));
}

bool Adaptation::goes_to_tcp(const QueryForm& form) {
  form_ = form;
  form_.protocol = Protocol::tcp;
  form_.cookie = form_.mixed_case = false;  // nobody forges into a stream
  return true;
}

bool Adaptation::after_wrong_case() {
  // A server that has kept the letter case before: a forgery, and the answer still comes.
  if (upstream_.limitations().mixed_case.is_refuted()) return false;
  leave_out(&QueryForm::mixed_case, "changes the letter case of names", 1);
  return true;
}

bool Adaptation::after_missing_cookie() {
  if (form_.protocol != Protocol::udp || !form_.cookie) return false;
  form_.protocol = Protocol::tcp;  // RFC 7873 section 5.3
  lacks_cookie_ = true;
  return true;
}

// A server that has neither its cookie any more nor TCP: port, id and letter case must do.
bool Adaptation::after_failure_over_tcp() {
  if (!std::exchange(lacks_cookie_, false)) return false;
  form_ = upstream_.usual_form();
  form_.cookie = false;
  return true;
}

// The silence may lie in how the query is put.
void Adaptation::after_silence(unsigned unanswered) {
  if (!is_over_udp()) {
    after_failure_over_tcp();
    return;
  }
  const Limitations& limits = upstream_.limitations();
  const bool is_second = unanswered > 1;
  // Who has kept the letter case before gets another chance, unless the cookie protects as well.
  const bool is_safe = form_.cookie && upstream_.cookie().is_established();
  if (is_safe || is_second || !limits.mixed_case.is_refuted()) form_.mixed_case = false;
  if (!limits.cookie.is_refuted()) form_.cookie = false;
  if (!limits.edns.is_refuted() && is_second) form_.edns = false;
  complaint_ = "does not respond otherwise";
  needed_ = 2;
}

// A failure may lie in what the server does not support. Where it was never seen to support it, the
// same query goes out without: first without the cookie, then without EDNS (RFC 6891 section 7).
bool Adaptation::drops_something(const Event& event) {
  const Limitations& limits = upstream_.limitations();
  const Rcode rcode = event.response.answer.rcode;
  const bool is_format = rcode == Rcode::format_error;
  const bool is_unknown = rcode == Rcode::not_implemented;
  const bool is_about_edns = !event.response.has_edns && (is_format || is_unknown);
  const bool may_be_the_cookie =
      is_format || is_unknown || rcode == Rcode::server_failure || rcode == Rcode::refused;
  // Nobody else than the server can have sent what repeats the question.
  const unsigned needed = event.has_question ? 1 : 0;
  if (event.form.cookie && may_be_the_cookie && !is_about_edns &&
      (!limits.cookie.is_refuted() || is_format)) {
    form_ = event.form;
    leave_out(&QueryForm::cookie, "answers queries with a cookie with a failure", needed);
  } else if (event.form.edns && (is_about_edns || !limits.edns.is_refuted())) {
    form_ = event.form;
    form_.cookie = false;
    leave_out(&QueryForm::edns, "answers queries with EDNS with a failure", needed);
  } else {
    return false;
  }
  return true;
}

void Adaptation::leave_out(bool QueryForm::*what, const char* complaint, unsigned needed) {
  form_.*what = false;
  complaint_ = complaint;
  needed_ = needed;
}

// Servers behind a server may treat names in mixed letter case as other names.
bool Adaptation::checks_case(const Event& event) {
  const Answer& answer = event.response.answer;
  const bool may_depend =
      event.form.mixed_case && event.has_question && (answer.is_failure() || answer.is_negative());
  if (!may_depend || !upstream_.take_case_check(question_.get().name)) return false;
  form_ = event.form;
  form_.mixed_case = false;
  is_case_checked_ = true;
  return true;
}

void Adaptation::learn(const Event& event, bool has_failure) {
  upstream_.on_answer(question_.get());
  const QueryForm& form = event.form;
  if (form.protocol != Protocol::udp) return;
  if (is_case_checked_ && !form.mixed_case) {
    const bool makes_a_difference = has_failure || !event.response.answer.is_negative();
    if (makes_a_difference) upstream_.on_case_mattered(question_.get().name);
    return;
  }
  if (needed_ == 0) return;
  const QueryForm usual = upstream_.usual_form();
  if (usual.edns && !form.edns) {
    upstream_.on_limitation(&Limitations::edns, complaint_, needed_);
  } else if (usual.cookie && !form.cookie) {
    upstream_.on_limitation(&Limitations::cookie, complaint_, needed_);
  } else if (usual.mixed_case && !form.mixed_case) {
    upstream_.on_limitation(&Limitations::mixed_case, complaint_, needed_);
  }
}

}  // namespace dnscache
