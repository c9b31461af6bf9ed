// What `bench` measured, as a table with a plot and a sentence, as JSON and as Markdown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/show/output.hpp"
#include "cli/show/plot.hpp"

namespace dnscache::cli {

/// One lookup, in seconds since the run began.
struct Sample : Timed {
  bool is_answer = false;  ///< NXDOMAIN and "no such record" are answers
};

/// The measurements of one way to look names up.
struct BenchPhase {
  std::string key = "";  ///< before, cold, warm or storm
  std::string title = "";
  std::size_t planned = 0;  ///< lookups; 0: as many as the time allows
  std::vector<Sample> samples = {};
  std::size_t without_data = 0;  ///< answers that were "no such name" or "no such record"
  std::string complaint = "";    ///< what the first command that failed wrote
  /// Lookups that were passed on to an upstream; absent when the engine could not be asked.
  std::optional<std::uint64_t> passed_on = {};

  std::size_t measured() const { return samples.size(); }
  std::vector<double> answered_ms() const { return times(true); }
  std::vector<double> failed_ms() const { return times(false); }
  std::vector<double> times(bool is_answer) const;
};

/// When an upstream was silent, in seconds since the run began.
struct Silence {
  std::string server;
  double from_seconds = 0;
  double until_seconds = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Silence, server, from_seconds, until_seconds)

/// What many lookups cost the upstream.
struct Storm {
  std::vector<std::uint64_t> lookups_each_second;  ///< that began then
  std::vector<std::uint64_t> packets_each_second;  ///< to the upstream, as the relays counted
  std::uint64_t packets = 0;                       ///< those after the last second included
  std::uint64_t quota_packets_per_second = 1024;   ///< of a VPC's resolver (Amazon VPC user guide)
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Storm, lookups_each_second, packets_each_second, packets,
                                   quota_packets_per_second)

/// A whole run of `bench`.
struct BenchReport {
  std::string scenario = "compare";
  std::string when;       ///< UTC, RFC 3339
  std::string made_with;  ///< version, host, kernel and command line
  std::string through;    ///< who made the lookups, in words
  std::string command;    ///< of --exec
  std::vector<std::string> names;
  std::vector<std::string> types;
  std::vector<std::string> before_servers;
  std::string servers_from;  ///< where they were found, in words
  std::string cache;         ///< address, or "a copy of the engine"
  std::size_t rounds = 1;
  bool is_flushed = false;  ///< the names were flushed before each cold lookup
  bool is_interrupted = false;
  std::uint32_t limit_seconds = 0;
  std::vector<BenchPhase> phases;
  std::optional<Silence> silence;
  std::optional<Storm> storm;
  std::vector<std::string> remarks;  ///< what the scenario has to say about its set-up

  const BenchPhase* phase(const std::string& key) const;
};

/// A row for each phase; all times in milliseconds.
Table table_of(const BenchReport& report);
/// The one plain sentence: what the cache changed, or that it changed nothing.
std::string conclusion(const BenchReport& report);
/// What a reader should know before believing the figures: one sentence each.
std::vector<std::string> notes(const BenchReport& report);
/// "a.example, b.example and c.example (A and AAAA), with getaddrinfo, in 5 rounds"
std::string subject(const BenchReport& report);
/// "192.0.2.1:53 then 192.0.2.2:53 (--servers)"
std::string servers_in_words(const BenchReport& report);

std::string to_text(const BenchReport& report, const Terminal& terminal);
std::string to_markdown(const BenchReport& report);
nlohmann::json to_json(const BenchReport& report);
/// A page of its own: templates/bench.html with the figures and two SVG charts.
std::string to_html(const BenchReport& report);

}  // namespace dnscache::cli
