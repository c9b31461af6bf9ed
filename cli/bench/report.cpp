#include "cli/bench/report.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "cli/show/plot.hpp"
#include "resolver/base/text.hpp"

namespace dnscache::cli {

namespace {

constexpr double worth_a_word = 1;  // milliseconds: nobody notices less

constexpr std::size_t names_in_words = 3;
constexpr double strip_step_s = 0.5;

Cell time_cell(const std::optional<double>& milliseconds) {
  if (!milliseconds) return {"-"};
  return {format_milliseconds(*milliseconds), *milliseconds};
}

std::string lookups_in_words(const BenchPhase& phase) {
  return phase.planned == 0 || phase.measured() == phase.planned
             ? format_count(phase.measured())
             : fmt::format("{} of {}", format_count(phase.measured()), format_count(phase.planned));
}

Cell passed_on_cell(const BenchPhase& phase) {
  if (phase.passed_on) return {format_count(*phase.passed_on), *phase.passed_on};
  return {"?", nullptr};
}

// What goes where there is no room for all; how many lookups were planned is in the notes as well.
constexpr std::size_t column_of_lookups = 1;
constexpr std::size_t column_of_min = 3;

Table table_of(const BenchReport& report, bool is_whole = true) {
  std::vector<Column> columns = {
      {"", "phase"},           {"LOOKUPS", "lookups", true}, {"FAILED", "failed", true},
      {"MIN", "min_ms", true}, {"P50", "p50_ms", true},      {"P90", "p90_ms", true},
      {"P99", "p99_ms", true}, {"MAX", "max_ms", true},      {"UPSTREAM", "passed_on", true}};
  if (!is_whole) columns.erase(columns.begin() + column_of_min);
  Table table(std::move(columns));
  for (const auto& phase : report.phases) {
    auto row = row_of(phase);
    if (!is_whole) {
      row[column_of_lookups].text = format_count(phase.measured());
      row.erase(row.begin() + column_of_min);
    }
    table.add_row(std::move(row));
  }
  return table;
}

std::string table_text(const BenchReport& report, const Terminal& terminal) {
  const auto whole = table_of(report).to_text(Terminal{});
  const bool has_room = terminal.width == 0 || whole.find('\n') <= terminal.width;
  return table_of(report, has_room).to_text(terminal);
}

std::string factor_in_words(double factor) {
  if (factor < 10) return fmt::format("{:.1f}", factor);
  const double scale = std::pow(10, std::floor(std::log10(factor)) - 1);  // two digits are honest
  return format_count(
      static_cast<std::uint64_t>(std::llround(factor / scale) * std::llround(scale)));
}

std::string upstream_in_words(const BenchPhase& warm) {
  if (!warm.passed_on) return "";
  const auto passed_on = *warm.passed_on == 0 ? std::string("none") : format_count(*warm.passed_on);
  return fmt::format("; {} of {} reached an upstream", passed_on, format_count(warm.measured()));
}

std::string interval_in_words(const Interval& interval) {
  return fmt::format("{} to {}", format_milliseconds(interval.low),
                     format_milliseconds(interval.high));
}

// Smaller times first: the difference is told without a sign.
Interval absolute(const Interval& interval) {
  return interval.high < 0 ? Interval{-interval.high, -interval.low} : interval;
}

std::string conclusion_of_comparison(const BenchReport& report) {
  const auto* before = report.phase("before");
  const auto* warm = report.phase("warm");
  if (before == nullptr || warm == nullptr || before->measured() == 0 || warm->measured() == 0) {
    return "Not enough was measured for a comparison.";
  }
  const auto former_ms = before->answered_ms();
  const auto after_ms = warm->answered_ms();
  if (after_ms.empty()) return "Through the cache no lookup was answered.";
  const auto after = summarize(after_ms);
  const auto upstream = upstream_in_words(*warm);
  if (former_ms.empty()) {
    return fmt::format(
        "Without the cache no lookup was answered; through it {} of {} are, in {}{}.",
        after_ms.size(), warm->measured(), format_milliseconds(after.p50), upstream);
  }
  const auto former = summarize(former_ms);
  const auto former_text = format_milliseconds(former.p50);
  const auto after_text = format_milliseconds(after.p50);
  const auto verdict = compare(former_ms, after_ms);
  if (verdict == Verdict::too_few) {
    return fmt::format(
        "Medians are {} without the cache and {} through it, but that is too few "
        "lookups for a comparison{}.",
        former_text, after_text, upstream);
  }
  const auto interval = *median_difference(former_ms, after_ms);
  if (verdict == Verdict::same) {
    return fmt::format(
        "There is no significant difference ({} without the cache, {} through it; the medians "
        "differ by {} with 95 % confidence){}.",
        former_text, after_text, interval_in_words(interval), upstream);
  }
  const bool is_faster = verdict == Verdict::faster;
  return fmt::format(
      "Warm lookups are {} times {} (median {} before, {} now; {} by {} with 95 % "
      "confidence){}.",
      factor_in_words(is_faster ? former.p50 / after.p50 : after.p50 / former.p50),
      is_faster ? "faster" : "SLOWER", former_text, after_text, is_faster ? "less" : "more",
      interval_in_words(absolute(interval)), upstream);
}

std::string conclusion_of_failover(const BenchReport& report) {
  const auto without = DuringSilence::of(report, "before");
  const auto cold = DuringSilence::of(report, "cold");
  const auto warm = DuringSilence::of(report, "warm");
  if (!report.silence || without.count == 0 || cold.count == 0 || warm.count == 0) {
    return "Not enough was measured for a comparison.";
  }
  return fmt::format(
      "While {} was silent the slowest lookup took: without the cache {}; through the cache {}; "
      "through it with the answer cached {}.",
      report.silence->server, without.in_words(), cold.in_words(), warm.in_words());
}

std::string conclusion_of_storm(const BenchReport& report) {
  const auto* phase = report.phase("storm");
  if (phase == nullptr || phase->measured() == 0 || !report.storm) {
    return "Not enough was measured.";
  }
  const auto& storm = *report.storm;
  const double share =
      static_cast<double>(storm.packets_total) / static_cast<double>(phase->measured());
  auto text = fmt::format("{} became {} to the upstream ({:.2g} %), {} in any second at most",
                          format_counted(phase->measured(), "lookup"),
                          format_counted(storm.packets_total, "packet"), share * 100,
                          format_count(storm.packets_peak()));
  text += fmt::format("; without the cache up to {} a second would have gone there",
                      format_count(storm.lookups_peak()));
  const auto quota = format_count(storm.quota);
  text += storm.lookups_peak() > storm.quota
              ? fmt::format(", more than the {} that a VPC's resolver lets through", quota)
              : fmt::format(" (a VPC's resolver lets {} through)", quota);
  return text + '.';
}

std::string some_of(const std::vector<std::string>& names) {
  if (names.size() <= names_in_words) return join_words(names, "and");
  std::vector<std::string> some(names.begin(), names.begin() + names_in_words);
  some.push_back(fmt::format("{} more", format_count(names.size() - names_in_words)));
  return join_words(some, "and");
}

// The slowest lookup that began in each step of time, as shares of the whole run's range.
std::vector<double> slowest_over_time(const BenchPhase& phase, const LogAxis& axis, double end_s) {
  std::vector<double> slowest(static_cast<std::size_t>(std::ceil(end_s / strip_step_s)), -1);
  for (const auto& sample : phase.samples) {
    const auto step = static_cast<std::size_t>(std::max(0.0, sample.start_s) / strip_step_s);
    if (step < slowest.size()) slowest[step] = std::max(slowest[step], axis.share(sample.ms));
  }
  return slowest;
}

std::string silence_marks(const Silence& silence, std::size_t steps, bool has_unicode) {
  std::string line;
  for (std::size_t step = 0; step < steps; ++step) {
    const double at = static_cast<double>(step) * strip_step_s;
    const bool is_silent = at >= silence.from_s && at < silence.until_s;
    line += is_silent ? (has_unicode ? "─" : "-") : " ";
  }
  return line;
}

std::string timeline_text(const BenchReport& report, const Terminal& terminal) {
  if (!report.silence) return "";
  double end_s = 0;
  std::vector<double> all;
  std::size_t margin = 0;
  for (const auto& phase : report.phases) {
    for (const auto& sample : phase.samples) {
      all.push_back(sample.ms);
      end_s = std::max(end_s, sample.start_s);
    }
    margin = std::max(margin, display_width(phase.title) + 2);
  }
  const auto axis = LogAxis::around(all);
  const auto steps = static_cast<std::size_t>(std::ceil(end_s / strip_step_s));
  if (terminal.width != 0 && margin + steps > terminal.width) return "";
  std::string out =
      fmt::format("\n{}slowest lookup that began in each half second, {} to {}\n",
                  std::string(margin, ' '), short_time(axis.value_at(0), terminal.has_unicode),
                  short_time(axis.value_at(1), terminal.has_unicode));
  for (const auto& phase : report.phases) {
    out += styled(terminal, Style::strong, phase.title) +
           std::string(margin - display_width(phase.title), ' ') +
           strip(terminal, slowest_over_time(phase, axis, end_s)) + '\n';
  }
  const auto label = "silent";
  return out + label + std::string(margin - std::string_view(label).size(), ' ') +
         silence_marks(*report.silence, steps, terminal.has_unicode) + '\n';
}

std::string storm_text(const BenchReport& report, const Terminal& terminal) {
  if (!report.storm) return "";
  const auto& storm = *report.storm;
  Table table({{"SECOND", "", true}, {"LOOKUPS", "", true}, {"PACKETS", "", true}, {"", ""}});
  const auto quota = static_cast<double>(std::max<std::uint64_t>(storm.quota, 1));
  for (std::size_t i = 0; i < storm.lookups.size(); ++i) {
    const auto share = static_cast<double>(storm.packets[i]) / quota;
    const bool is_over = storm.packets[i] > storm.quota;
    table.add_row({{std::to_string(i + 1)},
                   {format_count(storm.lookups[i])},
                   {format_count(storm.packets[i]), nullptr, is_over ? Style::bad : Style::plain},
                   {bar(terminal, share, 24)}});
  }
  return fmt::format("\n{}a full bar would be the {} packets that a VPC's resolver lets through\n",
                     table.to_text(terminal), format_count(storm.quota));
}

std::vector<Series> distributions(const BenchReport& report) {
  std::vector<Series> out;
  for (const auto& phase : report.phases) out.push_back({phase.title, phase.answered_ms()});
  return out;
}

void add_notes_of(const BenchPhase& phase, const BenchReport& report,
                  std::vector<std::string>& out) {
  const bool is_short = phase.measured() < phase.planned && !report.is_interrupted;
  if (is_short && report.limit_seconds > 0) {
    out.push_back(fmt::format("{}: {} of {} lookups in {} s, then stopped (--limit)", phase.title,
                              phase.measured(), phase.planned, report.limit_seconds));
  }
  if (const auto failed = phase.failed_ms(); !failed.empty()) {
    out.push_back(fmt::format("{}: a failed lookup took {}", phase.title,
                              format_milliseconds(summarize(failed).p50)));
  }
  if (phase.without_data > 0) {
    out.push_back(fmt::format("{}: {} answers were \"no such name\" or \"no such record\"",
                              phase.title, phase.without_data));
  }
  const auto outliers = slow_outliers(phase.answered_ms());
  if (outliers.count > 0 && outliers.above >= worth_a_word && !report.silence) {
    out.push_back(
        fmt::format("{}: {} (over {}): something else may have used the machine or the "
                    "network; the median does not suffer from it",
                    phase.title, format_counted(outliers.count, "slow outlier"),
                    format_milliseconds(outliers.above)));
  }
}

nlohmann::json phases_as_json(const BenchReport& report) {
  auto phases = table_of(report).to_json();
  for (std::size_t i = 0; i < phases.size(); ++i) {
    const auto& phase = report.phases[i];
    const auto outliers = slow_outliers(phase.answered_ms());
    phases[i]["planned"] = phase.planned;
    phases[i]["without_data"] = phase.without_data;
    phases[i]["outliers"] = outliers.count;
    if (!report.silence) continue;
    const auto during = DuringSilence::of(report, phase.key);
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

std::vector<Cell> row_of(const BenchPhase& phase) {
  const auto summary = summarize(phase.answered_ms());
  const auto value = [&](double milliseconds) {
    return time_cell(summary.count > 0 ? std::optional(milliseconds) : std::nullopt);
  };
  const auto failed = phase.measured() - summary.count;
  return {{phase.title, phase.key, Style::strong},
          {lookups_in_words(phase), phase.measured()},
          {format_count(failed), failed, failed > 0 ? Style::bad : Style::plain},
          value(summary.min),
          value(summary.p50),
          time_cell(summary.p90),
          time_cell(summary.p99),
          value(summary.max),
          passed_on_cell(phase)};
}

DuringSilence DuringSilence::of(const BenchReport& report, const std::string& key) {
  DuringSilence during;
  const auto* phase = report.phase(key);
  if (phase == nullptr || !report.silence) return during;
  for (const auto& sample : phase->samples) {
    if (sample.start_s < report.silence->from_s || sample.start_s >= report.silence->until_s) {
      continue;
    }
    ++during.count;
    if (!sample.is_answer) ++during.failed;
    during.slowest_ms = std::max(during.slowest_ms, sample.ms);
  }
  return during;
}

std::string DuringSilence::in_words() const {
  if (count == 0) return "none began";
  const auto slowest = format_milliseconds(slowest_ms);
  return failed == 0 ? slowest : fmt::format("{}, and {} of {} failed", slowest, failed, count);
}

std::vector<double> BenchPhase::answered_ms() const {
  std::vector<double> out;
  for (const auto& sample : samples) {
    if (sample.is_answer) out.push_back(sample.ms);
  }
  return out;
}

std::vector<double> BenchPhase::failed_ms() const {
  std::vector<double> out;
  for (const auto& sample : samples) {
    if (!sample.is_answer) out.push_back(sample.ms);
  }
  return out;
}

std::uint64_t Storm::lookups_peak() const {
  return lookups.empty() ? 0 : *std::ranges::max_element(lookups);
}

std::uint64_t Storm::packets_peak() const {
  return packets.empty() ? 0 : *std::ranges::max_element(packets);
}

const BenchPhase* BenchReport::phase(const std::string& key) const {
  const auto found = std::ranges::find(phases, key, &BenchPhase::key);
  return found == phases.end() ? nullptr : &*found;
}

std::string conclusion(const BenchReport& report) {
  if (report.scenario == "failover") return conclusion_of_failover(report);
  if (report.scenario == "storm") return conclusion_of_storm(report);
  return conclusion_of_comparison(report);
}

std::vector<std::string> notes(const BenchReport& report) {
  std::vector<std::string> out = report.remarks;
  for (const auto& phase : report.phases) add_notes_of(phase, report, out);
  if (report.scenario == "compare" && report.phase("cold") != nullptr && !report.is_flushed) {
    out.push_back("cold: not flushed (root may), so the answers may have been in the cache before");
  }
  if (report.is_interrupted) out.push_back("interrupted: this is what was measured so far");
  return out;
}

std::string subject(const BenchReport& report) {
  auto text = some_of(report.names);
  if (!report.types.empty()) text += fmt::format(" ({})", join_words(report.types, "and"));
  text += ", with " + (report.command.empty() ? report.through : '`' + report.command + '`');
  if (report.rounds > 1) text += fmt::format(", {} rounds interleaved", report.rounds);
  return text;
}

std::string to_text(const BenchReport& report, const Terminal& terminal) {
  std::string out = wrapped(terminal, subject(report), 2) + '\n';
  const auto* title = report.storm ? "upstream:" : "before:  ";
  const auto servers = join_words(report.before_servers, "then");
  const auto line = [&](const std::string& text) { return wrapped(terminal, text, 10) + '\n'; };
  out += line(fmt::format("{} {} ({})", title, servers, report.servers_from)) +
         line("cache:    " + report.cache) + line("made:     " + report.made_with) + '\n';
  out += table_text(report, terminal);
  const auto plot = distribution_plot(terminal, distributions(report));
  if (!plot.empty()) out += '\n' + plot;
  out += timeline_text(report, terminal) + storm_text(report, terminal);
  const auto remarks = notes(report);
  if (!remarks.empty()) out += '\n';
  for (const auto& note : remarks) out += wrapped(terminal, note, 2) + '\n';
  return out + '\n' + styled(terminal, Style::strong, wrapped(terminal, conclusion(report), 0)) +
         '\n';
}

std::string to_markdown(const BenchReport& report) {
  std::string out = fmt::format("**{}**\n\n{}.\n{}: {} ({}). Cache: {}. {}\n\n", conclusion(report),
                                subject(report), report.storm ? "Upstream" : "Before",
                                join_words(report.before_servers, "then"), report.servers_from,
                                report.cache, report.when);
  out +=
      "| | lookups | failed | min | p50 | p90 | p99 | max | upstream |\n"
      "| --- | --: | --: | --: | --: | --: | --: | --: | --: |\n";
  for (const auto& phase : report.phases) {
    out += '|';
    for (const auto& cell : row_of(phase)) out += fmt::format(" {} |", cell.text);
    out += '\n';
  }
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
  if (report.silence) {
    document["silence"] = {{"server", report.silence->server},
                           {"from_seconds", report.silence->from_s},
                           {"until_seconds", report.silence->until_s}};
  }
  if (report.storm) {
    document["storm"] = {{"lookups_each_second", report.storm->lookups},
                         {"packets_each_second", report.storm->packets},
                         {"packets", report.storm->packets_total},
                         {"quota_packets_per_second", report.storm->quota}};
  }
  return document;
}

}  // namespace dnscache::cli
