#include "resolver/upstream/trace.hpp"

#include <algorithm>
#include <array>

#include "resolver/config/values.hpp"

namespace dnscache {
namespace {

constexpr unsigned nobodys = 0;  // attempts are counted from 1 in each race

}  // namespace

const char* send_reason_text(SendReason reason) {
  static constexpr std::array words{"turn", "all", "hedge", "neglected", "again"};
  return words.at(static_cast<std::size_t>(reason));
}

void RaceObserver::begun(const Name&) {}
void RaceObserver::sent(unsigned, const UpstreamConfig&, Protocol, SendReason, TimePoint) {}
void RaceObserver::not_sent(const UpstreamConfig&, SendReason, std::error_code, TimePoint) {}
void RaceObserver::ended(unsigned, const std::string&, TimePoint) {}
void RaceObserver::won(unsigned) {}
void RaceObserver::note(const char*) {}
void RaceObserver::ruled(const char*) {}
void RaceObserver::over(const char*, TimePoint) {}

RaceObserver& RaceObserver::nobody() {
  static RaceObserver observer;
  return observer;
}

Trace::Try* Trace::find(unsigned attempt) {
  const auto found = std::ranges::find(tries, attempt, &Try::attempt);
  return found == tries.end() ? nullptr : &*found;
}

void Trace::sent(unsigned attempt, const UpstreamConfig& server, Protocol protocol,
                 SendReason reason, TimePoint now) {
  tries.push_back({attempt, address_text(server), protocol, reason, now, {}, "", false});
}

void Trace::not_sent(const UpstreamConfig& server, SendReason reason, std::error_code why,
                     TimePoint now) {
  const bool is_full = why == std::errc::resource_unavailable_try_again;
  tries.push_back({nobodys, address_text(server), server.protocol, reason, now, now,
                   is_full ? "no room in its quota" : why.message(), false});
}

void Trace::ended(unsigned attempt, const std::string& result, TimePoint now) {
  Try* tried = find(attempt);
  if (tried == nullptr) return;
  tried->ended_at = now;
  tried->outcome = result;
}

void Trace::won(unsigned attempt) {
  if (Try* tried = find(attempt)) tried->has_won = true;
}

void Trace::over(const char* result, TimePoint now) {
  outcome = result;
  ended_at = now;
  for (Try& tried : tries) {
    if (!tried.ended_at) tried.outcome = "not waited for";
    tried.attempt = nobodys;  // another race may follow
  }
}

}  // namespace dnscache
