#include <algorithm>
#include <fmt/format.h>

#include "cli/commands/explain.hpp"

namespace dnscache::cli {

namespace {

using nlohmann::json;

constexpr double slow_ms = 300;

// The name that decided: the first with data, or the one that was given.
const CandidateStep* deciding_step(const Story& story) {
  const auto found = std::ranges::find_if(story.candidates, &CandidateStep::has_data);
  if (found != story.candidates.end()) return &*found;
  const auto given = std::ranges::find_if(
      story.candidates, [](const CandidateStep& step) { return step.candidate.domain.empty(); });
  return given != story.candidates.end() ? &*given : nullptr;
}

// Of several types the one with data counts, or the one that failed.
const json* deciding_reply(const CandidateStep& step) {
  const auto rank = [](const json& reply) {
    const auto answer = part_of(reply, "answer");
    if (answer.value("has_data", false)) return 0;
    return text_of(answer, "rcode") == "NOERROR" ? 2 : 1;
  };
  if (step.engine.empty()) return nullptr;
  return &*std::ranges::min_element(step.engine, {}, rank);
}

double took_ms(const json& reply) { return part_of(reply, "exchange").value("took_ms", 0.0); }

std::string winner(const json& reply) {
  for (const auto& tried : part_of(reply, "exchange").value("tries", json::array())) {
    if (tried.value("won", false)) return text_of(tried, "upstream");
  }
  return {};
}

// Of the servers that were asked, the one that left most queries unanswered lately.
std::string loss_in_words(const Story& story, const json& reply) {
  std::string words;
  std::size_t most = 0;
  for (const auto& tried : part_of(reply, "exchange").value("tries", json::array())) {
    const auto address = text_of(tried, "upstream");
    const auto known = std::ranges::find(story.status.upstreams, address, &UpstreamStatus::address);
    if (known == story.status.upstreams.end()) continue;
    const auto& recent = known->rtt_recent_ms;
    const auto lost = static_cast<std::size_t>(
        std::ranges::count_if(recent, [](const std::optional<double>& time) { return !time; }));
    if (lost <= most) continue;
    most = lost;
    words = fmt::format("{} lost {} of its last {} queries", address, lost, recent.size());
  }
  return words;
}

std::string unanswered_in_words(const json& reply) {
  for (const auto& tried : part_of(reply, "exchange").value("tries", json::array())) {
    if (tried.value("won", false)) continue;
    return fmt::format("{}: {}", text_of(tried, "upstream"), text_of(tried, "outcome"));
  }
  return {};
}

std::string reason_of_slowness(const Story& story, const json& reply) {
  for (const auto& words : {loss_in_words(story, reply), unanswered_in_words(reply)}) {
    if (!words.empty()) return words;
  }
  const auto server = winner(reply);
  return server.empty() ? "upstreams took that long" : server + " took that long";
}

std::string failure_in_words(const Story& story, const json& reply) {
  const auto rcode = text_of(part_of(reply, "answer"), "rcode");
  auto why = loss_in_words(story, reply);
  if (why.empty()) why = unanswered_in_words(reply);
  if (why.empty()) why = "no upstream could be asked";
  return fmt::format("the lookup fails ({}): {}", rcode, why);
}

std::string ruling_in_words(const json& reply) {
  const auto decision = decision_in_words(reply, lines_of(reply));
  if (text_of(part_of(reply, "policy"), "rule") == "blocked") return "blocked: " + decision;
  return "answered without an upstream: " + decision;
}

std::string of_engine(const Story& story, const json& reply) {
  const auto answer = part_of(reply, "answer");
  const auto rcode = text_of(answer, "rcode");
  const auto origin = text_of(answer, "origin");
  if (origin == "policy") return ruling_in_words(reply);
  if (origin == "stale") return "answered with expired data: " + unanswered_in_words(reply);
  if (rcode != "NOERROR" && rcode != "NXDOMAIN") return failure_in_words(story, reply);
  const auto what = rcode == "NXDOMAIN"              ? "there is no such name"
                    : answer.value("has_data", true) ? "answered"
                                                     : "there is no such record";
  if (origin == "cache") return fmt::format("{}, from the cache", what);
  const auto took = took_ms(reply);
  if (took >= slow_ms) {
    return fmt::format("{}, but slow ({}), because {}", what, format_milliseconds(took),
                       reason_of_slowness(story, reply));
  }
  return fmt::format("{}, by {} in {}", what, winner(reply), format_milliseconds(took));
}

std::string without_engine(const Story& story) {
  if (!story.result) return "the cache does not run";
  const auto took = format_milliseconds(story.result->milliseconds);
  if (story.result->status == NssStatus::found) {
    return fmt::format("answered in {}, without the cache, which does not run", took);
  }
  return fmt::format("{}, after {}; the cache does not run", story.result->error, took);
}

bool is_decided_by_dns(const Story& story) {
  return !story.is_for_addresses || story.decides.empty() || story.decides == "dns" ||
         story.decides == "resolve";
}

}  // namespace

std::string conclusion_of(const Story& story) {
  if (!is_decided_by_dns(story)) {
    const auto decides = std::ranges::find_if(story.services, [&](const ServiceStep& step) {
      return step.service.name == story.decides;
    });
    const bool is_known = decides != story.services.end() && decides->where;
    return fmt::format("answered by {}{}, without the DNS", story.decides,
                       is_known ? " (" + decides->where->to_text() + ")" : "");
  }
  const auto* step = deciding_step(story);
  const auto* reply = step == nullptr ? nullptr : deciding_reply(*step);
  auto words = reply == nullptr ? without_engine(story) : of_engine(story, *reply);
  if (reply != nullptr && !story.path.is_through_cache) {
    words += "; but programs do not ask the cache";
  }
  return words;
}

}  // namespace dnscache::cli
