#include "cli/bench_report.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "resolver/config/text.hpp"

namespace dnscache::cli {

namespace {

constexpr double significance = 0.01;       ///< p value below which samples differ
constexpr double smallest_real_gain = 1.1;  ///< ratio of medians that is worth a word

Cell time_cell(const std::optional<double>& milliseconds) {
  if (!milliseconds) return {"-"};
  return {format_milliseconds(*milliseconds), *milliseconds};
}

std::string lookups_in_words(const BenchPhase& phase) {
  return phase.measured() == phase.planned
             ? format_count(phase.planned)
             : fmt::format("{} of {}", format_count(phase.measured()), format_count(phase.planned));
}

Cell passed_on_cell(const BenchPhase& phase) {
  if (phase.passed_on) return {format_count(*phase.passed_on), *phase.passed_on};
  return {"?", nullptr};
}

std::vector<Cell> row_of(const BenchPhase& phase, double slowest_p50, const Terminal& terminal,
                         std::size_t bar_width) {
  const auto summary = summarize(phase.answered_ms);
  const auto value = [&](double milliseconds) {
    return time_cell(summary.count > 0 ? std::optional(milliseconds) : std::nullopt);
  };
  const bool has_failures = !phase.failed_ms.empty();
  const double share = slowest_p50 > 0 && summary.count > 0 ? summary.p50 / slowest_p50 : 0;
  return {{phase.title, phase.key, Style::strong},
          {lookups_in_words(phase), phase.measured()},
          {format_count(phase.failed_ms.size()), phase.failed_ms.size(),
           has_failures ? Style::bad : Style::plain},
          value(summary.min),
          value(summary.p50),
          time_cell(summary.p95),
          time_cell(summary.p99),
          value(summary.max),
          passed_on_cell(phase),
          {bar(terminal, share, bar_width)}};
}

Table table_of(const BenchReport& report, const Terminal& terminal, std::size_t bar_width) {
  Table table({{"", "phase"},
               {"LOOKUPS", "lookups", true},
               {"FAILED", "failed", true},
               {"MIN", "min_ms", true},
               {"P50", "p50_ms", true},
               {"P95", "p95_ms", true},
               {"P99", "p99_ms", true},
               {"MAX", "max_ms", true},
               {"UPSTREAM", "passed_on", true},
               {"", ""}});
  double slowest = 0;
  for (const auto& phase : report.phases) {
    slowest = std::max(slowest, summarize(phase.answered_ms).p50);
  }
  for (const auto& phase : report.phases) {
    table.add_row(row_of(phase, slowest, terminal, bar_width));
  }
  return table;
}

// The bars take what the terminal has left over for them.
std::string table_text(const BenchReport& report, const Terminal& terminal) {
  constexpr std::size_t widest_bar = 12;
  const auto bare = table_of(report, terminal, 0).to_text(Terminal{});
  const std::size_t width = display_width(bare.substr(0, bare.find('\n'))) + 2;
  const auto left = terminal.width > width ? terminal.width - width : 0;
  const auto bar_width = terminal.width == 0 ? widest_bar : std::min(widest_bar, left);
  return table_of(report, terminal, bar_width).to_text(terminal);
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

}  // namespace

const BenchPhase* BenchReport::phase(const std::string& key) const {
  const auto found = std::ranges::find(phases, key, &BenchPhase::key);
  return found == phases.end() ? nullptr : &*found;
}

std::string conclusion(const BenchReport& report) {
  const auto* before = report.phase("before");
  const auto* warm = report.phase("warm");
  if (before == nullptr || warm == nullptr || before->measured() == 0 || warm->measured() == 0) {
    return "Not enough was measured for a comparison.";
  }
  if (warm->answered_ms.empty()) return "Through the cache no lookup was answered.";
  const auto after = summarize(warm->answered_ms);
  if (before->answered_ms.empty()) {
    return fmt::format(
        "Without the cache no lookup was answered; through it {} of {} are, in {}{}.",
        warm->answered_ms.size(), warm->measured(), format_milliseconds(after.p50),
        upstream_in_words(*warm));
  }
  const auto former = summarize(before->answered_ms);
  const double factor = former.p50 / after.p50;
  const bool is_faster = factor >= 1;
  if (before->answered_ms.size() < 3 || warm->answered_ms.size() < 3) {
    return fmt::format(
        "Medians are {} without the cache and {} through it, but that is too few "
        "lookups for a comparison{}.",
        format_milliseconds(former.p50), format_milliseconds(after.p50), upstream_in_words(*warm));
  }
  if (mann_whitney_p(before->answered_ms, warm->answered_ms) > significance ||
      std::max(factor, 1 / factor) < smallest_real_gain) {
    return fmt::format(
        "There is no significant difference ({} without the cache, {} through it){}.",
        format_milliseconds(former.p50), format_milliseconds(after.p50), upstream_in_words(*warm));
  }
  return fmt::format("Warm lookups are {} times {} (median {} before, {} now){}.",
                     factor_in_words(is_faster ? factor : 1 / factor),
                     is_faster ? "faster" : "SLOWER", format_milliseconds(former.p50),
                     format_milliseconds(after.p50), upstream_in_words(*warm));
}

std::string to_text(const BenchReport& report, const Terminal& terminal) {
  std::string out = fmt::format(
      "{} ({}), with glibc's resolver\n"
      "before: {} ({})\n"
      "cache:  {}\n\n",
      join_words(report.names, "and"), join_words(report.types, "and"),
      join_words(report.before_servers, "then"), report.servers_from, report.cache);
  out += table_text(report, terminal);
  for (const auto& phase : report.phases) {
    if (phase.measured() < phase.planned && !report.is_interrupted) {
      out += fmt::format("{}: {} of {} lookups in {} s, then stopped (--limit)\n", phase.title,
                         phase.measured(), phase.planned, report.limit_seconds);
    }
    if (!phase.failed_ms.empty()) {
      out += fmt::format("{}: a failed lookup took {}\n", phase.title,
                         format_milliseconds(summarize(phase.failed_ms).p50));
    }
    if (phase.without_data > 0) {
      out += fmt::format("{}: {} answers were \"no such name\" or \"no such record\"\n",
                         phase.title, phase.without_data);
    }
  }
  if (report.phase("cold") != nullptr && !report.is_flushed) {
    out += "cold: not flushed (root may), so the answers may have been in the cache before\n";
  }
  if (report.is_interrupted) out += "interrupted: this is what was measured so far\n";
  return out + '\n' + styled(terminal, Style::strong, wrapped(terminal, conclusion(report), 0)) +
         '\n';
}

nlohmann::json to_json(const BenchReport& report) {
  return {{"schema", 1},
          {"names", report.names},
          {"types", report.types},
          {"before_servers", report.before_servers},
          {"servers_from", report.servers_from},
          {"cache", report.cache},
          {"flushed", report.is_flushed},
          {"interrupted", report.is_interrupted},
          {"limit_seconds", report.limit_seconds},
          {"phases", table_of(report, Terminal{}, 0).to_json()},
          {"conclusion", conclusion(report)}};
}

}  // namespace dnscache::cli
