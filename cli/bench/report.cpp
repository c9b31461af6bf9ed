#include "cli/bench/report.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "cli/bench/statistics.hpp"
#include "cli/show/plot.hpp"
#include "resolver/base/text.hpp"

namespace dnscache::cli {

namespace {

constexpr double worth_a_word = 1;  // milliseconds: nobody notices less
constexpr std::size_t names_in_words = 3;
constexpr const char* not_enough = "Not enough was measured for a comparison.";

// Of one unit for the whole table, which stands in the heading.
Cell time_cell(std::optional<double> ms) {
  if (!ms) return {"-"};
  if (*ms >= 1000) return {format_count(static_cast<std::uint64_t>(std::llround(*ms))), *ms};
  return {fmt::format("{:.{}f}", *ms, *ms < 1 ? 3 : *ms < 10 ? 2 : 1), *ms};
}

// Two digits are honest.
std::string factor_in_words(double factor) {
  if (factor < 10) return fmt::format("{:.1f}", factor);
  return format_count(static_cast<std::uint64_t>(std::stod(fmt::format("{:.1e}", factor))));
}

std::string interval_in_words(const std::optional<Interval>& interval) {
  return fmt::format("{} to {} with 95 % confidence", format_milliseconds(interval->low),
                     format_milliseconds(interval->high));
}

// Of lookups without and through the cache, of which there are some.
std::string comparison_in_words(const std::vector<double>& a, const std::vector<double>& b) {
  const auto before = summarize(a).p50;
  const auto after = summarize(b).p50;
  const auto before_text = format_milliseconds(before);
  const auto after_text = format_milliseconds(after);
  const auto verdict = compare(a, b);
  if (verdict == Verdict::too_few) {
    return fmt::format(
        "Medians are {} without the cache and {} through it, but that is too few lookups for a "
        "comparison",
        before_text, after_text);
  }
  if (verdict == Verdict::same) {
    return fmt::format(
        "There is no significant difference ({} without the cache, {} through it; the medians "
        "differ by {})",
        before_text, after_text, interval_in_words(median_difference(a, b)));
  }
  const bool is_faster = verdict == Verdict::faster;
  return fmt::format(
      "Warm lookups are {} times {} (median {} before, {} now; {} by {})",
      factor_in_words(is_faster ? before / after : after / before), is_faster ? "faster" : "SLOWER",
      before_text, after_text, is_faster ? "less" : "more",
      interval_in_words(is_faster ? median_difference(a, b) : median_difference(b, a)));
}

std::string conclusion_of_comparison(const BenchReport& report) {
  const auto* before = report.phase("before");
  const auto* warm = report.phase("warm");
  if (before == nullptr || warm == nullptr) return not_enough;
  const auto former_ms = before->answered_ms();
  const auto after_ms = warm->answered_ms();
  if (after_ms.empty()) return "Through the cache no lookup was answered.";
  auto text =
      former_ms.empty()
          ? fmt::format("Without the cache no lookup was answered; through it {} of {} are, in {}",
                        after_ms.size(), warm->measured(),
                        format_milliseconds(summarize(after_ms).p50))
          : comparison_in_words(former_ms, after_ms);
  if (warm->passed_on) {
    text += fmt::format("; {} of {} reached an upstream",
                        *warm->passed_on == 0 ? "none" : format_count(*warm->passed_on),
                        format_count(warm->measured()));
  }
  return text + '.';
}

/// The lookups that began while the upstream was silent.
struct DuringSilence {
  std::size_t count = 0;
  std::size_t failed = 0;
  double slowest_ms = 0;

  DuringSilence(const BenchPhase& phase, const Silence& silence) {
    for (const auto& sample : phase.samples) {
      if (sample.start_s < silence.from_seconds || sample.start_s >= silence.until_seconds)
        continue;
      ++count;
      failed += sample.is_answer ? 0 : 1;
      slowest_ms = std::max(slowest_ms, sample.ms);
    }
  }

  std::string in_words() const {
    const auto slowest = format_milliseconds(slowest_ms);
    return failed == 0 ? slowest : fmt::format("{}, and {} of {} failed", slowest, failed, count);
  }
};

std::string conclusion_of_failover(const BenchReport& report) {
  if (!report.silence) return not_enough;
  std::vector<std::string> slowest;
  for (const auto* key : {"before", "cold", "warm"}) {
    const auto* phase = report.phase(key);
    if (phase == nullptr) return not_enough;
    const DuringSilence during(*phase, *report.silence);
    if (during.count == 0) return not_enough;
    slowest.push_back(during.in_words());
  }
  return fmt::format(
      "While {} was silent the slowest lookup took: without the cache {}; through the cache {}; "
      "through it with the answer cached {}.",
      report.silence->server, slowest[0], slowest[1], slowest[2]);
}

std::string conclusion_of_storm(const BenchReport& report) {
  const auto* phase = report.phase("storm");
  if (phase == nullptr || phase->measured() == 0 || !report.storm) {
    return "Not enough was measured.";
  }
  const auto& [lookups, packets, total, quota] = *report.storm;
  const auto lookups_peak = std::ranges::max(lookups);
  const auto allowed = format_count(quota);
  return fmt::format(
      "{} became {} to the upstream ({:.2g} %), {} in any second at most; without the cache up to "
      "{} a second would have gone there{}.",
      format_counted(phase->measured(), "lookup"), format_counted(total, "packet"),
      100 * static_cast<double>(total) / static_cast<double>(phase->measured()),
      format_count(std::ranges::max(packets)), format_count(lookups_peak),
      lookups_peak > quota ? ", more than the " + allowed + " that a VPC's resolver lets through"
                           : " (a VPC's resolver lets " + allowed + " through)");
}

std::string storm_text(const Storm& storm, const Terminal& terminal) {
  const auto& [lookups, packets, total, quota] = storm;
  Table table({{"SECOND", "", true}, {"LOOKUPS", "", true}, {"PACKETS", "", true}, {"", ""}});
  for (std::size_t i = 0; i < lookups.size(); ++i) {
    const auto style = packets[i] > quota ? Style::bad : Style::plain;
    const auto share = static_cast<double>(packets[i]) / static_cast<double>(quota);
    table.add_row({{std::to_string(i + 1)},
                   {format_count(lookups[i])},
                   {format_count(packets[i]), nullptr, style},
                   {bar(terminal, share, 24)}});
  }
  return fmt::format("\n{}a full bar would be the {} packets that a VPC's resolver lets through\n",
                     table.to_text(terminal), format_count(quota));
}

std::vector<std::string> notes_of(const BenchPhase& phase, const BenchReport& report) {
  std::vector<std::string> out;
  if (report.limit_seconds > 0 && phase.measured() < phase.planned && !report.is_interrupted) {
    out.push_back(fmt::format("{} of {} lookups in {} s, then stopped (--limit)", phase.measured(),
                              phase.planned, report.limit_seconds));
  }
  if (const auto failed = phase.failed_ms(); !failed.empty()) {
    out.push_back("a failed lookup took " + format_milliseconds(summarize(failed).p50));
  }
  if (!phase.complaint.empty()) out.push_back("the command failed: " + printable(phase.complaint));
  if (phase.without_data > 0) {
    out.push_back(
        fmt::format("{} answers were \"no such name\" or \"no such record\"", phase.without_data));
  }
  const auto outliers = slow_outliers(phase.answered_ms());
  if (outliers.count > 0 && outliers.above >= worth_a_word && !report.silence) {
    out.push_back(fmt::format(
        "{} (over {}): something else may have used the machine or the network; the "
        "median does not suffer from it",
        format_counted(outliers.count, "slow outlier"), format_milliseconds(outliers.above)));
  }
  return out;
}

nlohmann::json phases_as_json(const BenchReport& report) {
  auto phases = table_of(report).to_json();
  for (std::size_t i = 0; i < phases.size(); ++i) {
    const auto& phase = report.phases[i];
    phases[i]["planned"] = phase.planned;
    phases[i]["without_data"] = phase.without_data;
    phases[i]["outliers"] = slow_outliers(phase.answered_ms()).count;
    if (!report.silence) continue;
    const DuringSilence during(phase, *report.silence);
    phases[i]["during_silence"] = {
        {"lookups", during.count}, {"failed", during.failed}, {"max_ms", during.slowest_ms}};
  }
  return phases;
}

nlohmann::json comparison_as_json(const BenchReport& report) {
  const auto* before = report.phase("before");
  const auto* warm = report.phase("warm");
  if (before == nullptr || warm == nullptr) return nullptr;
  const auto a = before->answered_ms();
  const auto b = warm->answered_ms();
  const auto interval = median_difference(a, b);
  if (!interval) return nullptr;
  static constexpr const char* verdicts[] = {"too few", "no significant difference", "faster",
                                             "slower"};
  return {{"verdict", verdicts[static_cast<int>(compare(a, b))]},
          {"median_difference_ms", summarize(a).p50 - summarize(b).p50},
          {"confidence_95_ms", {interval->low, interval->high}}};
}

}  // namespace

std::vector<double> BenchPhase::times(bool is_answer) const {
  std::vector<double> out;
  for (const auto& sample : samples) {
    if (sample.is_answer == is_answer) out.push_back(sample.ms);
  }
  return out;
}

const BenchPhase* BenchReport::phase(const std::string& key) const {
  const auto found = std::ranges::find(phases, key, &BenchPhase::key);
  return found == phases.end() ? nullptr : &*found;
}

Table table_of(const BenchReport& report) {
  Table table({{"", "phase"},
               {"LOOKUPS", "lookups", true},
               {"FAILED", "failed", true},
               {"MIN ms", "min_ms", true},
               {"P50 ms", "p50_ms", true},
               {"P90 ms", "p90_ms", true},
               {"P99 ms", "p99_ms", true},
               {"MAX ms", "max_ms", true},
               {"UPSTREAM", "passed_on", true}});
  for (const auto& phase : report.phases) {
    const auto times = summarize(phase.answered_ms());
    const auto failed = phase.measured() - times.count;
    const auto if_any = [&](double ms) {
      return time_cell(times.count > 0 ? std::optional(ms) : std::nullopt);
    };
    table.add_row(
        {{phase.title, phase.key, Style::strong},
         {format_count(phase.measured()), phase.measured()},
         {format_count(failed), failed, failed > 0 ? Style::bad : Style::plain},
         if_any(times.min),
         if_any(times.p50),
         time_cell(times.p90),
         time_cell(times.p99),
         if_any(times.max),
         phase.passed_on ? Cell(format_count(*phase.passed_on), *phase.passed_on) : Cell("?")});
  }
  return table;
}

std::string conclusion(const BenchReport& report) {
  if (report.scenario == "failover") return conclusion_of_failover(report);
  if (report.scenario == "storm") return conclusion_of_storm(report);
  return conclusion_of_comparison(report);
}

std::vector<std::string> notes(const BenchReport& report) {
  std::vector<std::string> out = report.remarks;
  for (const auto& phase : report.phases) {
    for (const auto& note : notes_of(phase, report)) out.push_back(phase.title + ": " + note);
  }
  if (report.scenario == "compare" && report.phase("cold") != nullptr && !report.is_flushed) {
    out.push_back("cold: not flushed (root may), so the answers may have been in the cache before");
  }
  if (report.is_interrupted) out.push_back("interrupted: this is what was measured so far");
  return out;
}

std::string subject(const BenchReport& report) {
  auto names = report.names;
  if (names.size() > names_in_words) {
    names.resize(names_in_words);
    names.push_back(format_count(report.names.size() - names_in_words) + " more");
  }
  auto text = join_words(names, "and");
  if (!report.types.empty()) text += fmt::format(" ({})", join_words(report.types, "and"));
  text += ", with " + (report.command.empty() ? report.through : '`' + report.command + '`');
  if (report.rounds > 1) text += fmt::format(", {} rounds interleaved", report.rounds);
  return text;
}

std::string servers_in_words(const BenchReport& report) {
  return fmt::format("{} ({})", join_words(report.before_servers, "then"), report.servers_from);
}

std::string to_text(const BenchReport& report, const Terminal& terminal) {
  auto out = wrapped(terminal, subject(report), 2) + '\n';
  for (const auto& line : {(report.storm ? "upstream: " : "before:   ") + servers_in_words(report),
                           "cache:    " + report.cache, "made:     " + report.made_with}) {
    out += wrapped(terminal, line, 10) + '\n';
  }
  out += '\n' + table_of(report).to_text(terminal);
  std::vector<Series> distributions;
  std::vector<TimedSeries> lines;
  for (const auto& phase : report.phases) {
    distributions.push_back({phase.title, phase.answered_ms()});
    lines.push_back({phase.title, {phase.samples.begin(), phase.samples.end()}});
  }
  const auto plot = distribution_plot(terminal, distributions);
  if (!plot.empty()) out += '\n' + plot;
  if (const auto& silence = report.silence) {
    const auto timeline =
        timeline_plot(terminal, lines, "silent", silence->from_seconds, silence->until_seconds);
    if (!timeline.empty()) out += '\n' + timeline;
  }
  if (report.storm) out += storm_text(*report.storm, terminal);
  const auto remarks = notes(report);
  if (!remarks.empty()) out += '\n';
  for (const auto& note : remarks) out += wrapped(terminal, note, 2) + '\n';
  return out + '\n' + styled(terminal, Style::strong, wrapped(terminal, conclusion(report), 0)) +
         '\n';
}

std::string to_markdown(const BenchReport& report) {
  auto out =
      fmt::format("**{}**\n\n{}.\n{}: {}. Cache: {}. {}\n\n{}", conclusion(report), subject(report),
                  report.storm ? "Upstream" : "Before", servers_in_words(report), report.cache,
                  report.when, table_of(report).to_markdown());
  const auto remarks = notes(report);
  if (!remarks.empty()) out += '\n';
  for (const auto& note : remarks) out += fmt::format("- {}\n", note);
  return out + fmt::format("\nMade with {}.\n", report.made_with);
}

nlohmann::json to_json(const BenchReport& report) {
  nlohmann::json document = {{"schema", 1},
                             {"scenario", report.scenario},
                             {"when", report.when},
                             {"made_with", report.made_with},
                             {"names", report.names},
                             {"types", report.types},
                             {"through", report.through},
                             {"before_servers", report.before_servers},
                             {"servers_from", report.servers_from},
                             {"cache", report.cache},
                             {"rounds", report.rounds},
                             {"flushed", report.is_flushed},
                             {"interrupted", report.is_interrupted},
                             {"phases", phases_as_json(report)},
                             {"comparison", comparison_as_json(report)},
                             {"notes", notes(report)},
                             {"conclusion", conclusion(report)}};
  if (!report.command.empty()) document["command"] = report.command;
  if (report.limit_seconds > 0) document["limit_seconds"] = report.limit_seconds;
  if (report.silence) document["silence"] = *report.silence;
  if (report.storm) document["storm"] = *report.storm;
  return document;
}

}  // namespace dnscache::cli
