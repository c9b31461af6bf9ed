#include "resolver/upstream/trace.hpp"

#include <algorithm>

namespace dnscache {

const char* ask_reason_text(AskReason reason) {
  switch (reason) {
    case AskReason::turn:
      return "turn";
    case AskReason::all:
      return "all";
    case AskReason::hedge:
      return "hedge";
    case AskReason::neglected:
      return "neglected";
  }
  return "?";
}

Trace::Try* Trace::find(const void* attempt) {
  const auto found = std::ranges::find(tries, attempt, &Try::attempt);
  return found == tries.end() ? nullptr : &*found;
}

void Trace::sent(const void* attempt, const UpstreamConfig& upstream, AskReason reason,
                 TimePoint now) {
  tries.push_back(
      {attempt, upstream.endpoint.to_text(), upstream.protocol, reason, now, {}, "", false});
}

void Trace::not_sent(const UpstreamConfig& upstream, AskReason reason, std::string why,
                     TimePoint now) {
  tries.push_back({nullptr, upstream.endpoint.to_text(), upstream.protocol, reason, now, now,
                   std::move(why), false});
}

void Trace::ended(const void* attempt, std::string result, TimePoint now) {
  Try* tried = find(attempt);
  if (tried == nullptr) return;
  tried->ended_at = now;
  tried->outcome = std::move(result);
}

void Trace::timed_out(const void* attempt, TimePoint now) { ended(attempt, "timed out", now); }

void Trace::carried_by(const void* attempt, Protocol protocol) {
  if (Try* tried = find(attempt)) tried->protocol = protocol;
}

void Trace::won(const void* attempt) {
  if (Try* tried = find(attempt)) tried->has_won = true;
}

void Trace::over(std::string result, TimePoint now) {
  outcome = std::move(result);
  ended_at = now;
  for (Try& tried : tries) {
    if (!tried.ended_at) tried.outcome = "not waited for";
    tried.attempt = nullptr;  // another attempt may lie there later
  }
}

}  // namespace dnscache
