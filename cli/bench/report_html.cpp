// The values of templates/bench.html. Horizontal places in its charts are percentages and nothing
// is scaled, so that text keeps its size from a phone to a wide screen.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "cli/bench/report.hpp"
#include "cli/bench/statistics.hpp"
#include "cli/show/fill.hpp"
#include "cli/show/plot.hpp"
#include "templates/templates.hpp"

namespace dnscache::cli {

namespace {

using Json = nlohmann::json;

constexpr std::size_t bins = 64;
constexpr double row_height = 92;        // px, of a distribution
constexpr double bar_height = 52;        // px, of its fullest bin
constexpr double timeline_height = 260;  // px
constexpr double top = 14;               // px, for a label above the highest grid line
constexpr double lowest_bar = 1.5;       // px: seen, however few
constexpr std::size_t most_ticks_on_a_phone = 6;
constexpr std::size_t most_points = 1500;  // of each series

double rounded(double value) { return std::round(value * 100) / 100; }
double percent(double share) { return rounded(std::clamp(share, 0.0, 1.0) * 100); }

Json tick(double share, const std::string& label, const char* style = "") {
  const auto* anchor = share < 0.03 ? "start" : "middle";
  if (share > 0.97) anchor = "end";
  return {{"X", percent(share)}, {"ANCHOR", anchor}, {"LABEL", label}, {"CLASS", style}};
}

double y_of(double ms, const LogAxis& axis) {
  return rounded(top + (1 - axis.share(ms)) * (timeline_height - top));
}

Json time_ticks(const LogAxis& axis) {
  Json out;
  const auto ticks = axis.ticks();
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    const bool is_for_phones = ticks.size() <= most_ticks_on_a_phone || i % 2 == 0;
    out.push_back(tick(axis.share(ticks[i]), short_time(ticks[i]), is_for_phones ? "" : "wide"));
    out.back()["Y"] = y_of(ticks[i], axis);
  }
  return out;
}

// In steps of 1, 2 or 5 times a power of ten, at most six of them.
Json second_ticks(double end_s) {
  const double power = std::pow(10, std::floor(std::log10(end_s / 6)));
  double step = power;
  for (const double factor : {2.0, 5.0, 10.0}) {
    if (step * 6 < end_s) step = factor * power;
  }
  Json out;
  for (double at = 0; at <= end_s * 1.0001; at += step) {
    out.push_back(tick(at / end_s, fmt::format("{:.4g} s", at)));
  }
  return out;
}

Json bins_of(const std::vector<double>& times, const LogAxis& axis) {
  Json out = Json::array();
  const auto counts = log_histogram(times, axis, bins);
  const auto fullest = static_cast<double>(std::ranges::max(counts));
  for (std::size_t i = 0; i < bins; ++i) {
    if (counts[i] == 0) continue;
    const double size = std::max(lowest_bar, bar_height * static_cast<double>(counts[i]) / fullest);
    out.push_back({{"X", percent(static_cast<double>(i) / bins)},
                   {"Y", rounded(row_height - size)},
                   {"SIZE", rounded(size)}});
  }
  return out;
}

// A row of the distributions, of the legend and of the table, for each phase.
Json rows_of(const BenchReport& report, const LogAxis& axis) {
  Json rows;
  const auto table = table_of(report);
  for (std::size_t i = 0; i < report.phases.size(); ++i) {
    const auto times = report.phases[i].answered_ms();
    Json row = {{"TITLE", report.phases[i].title},
                {"SERIES", i},
                {"TOP", row_height * static_cast<double>(i)},
                {"BINS", bins_of(times, axis)}};
    row[times.empty() ? "NO_ANSWER" : "MEDIAN"]["X"] = percent(axis.share(summarize(times).p50));
    for (std::size_t column = 1; column < table.columns().size(); ++column) {
      const auto& cell = table.rows()[i][column];
      row["FIGURES"].push_back({{"LABEL", table.columns()[column].title},
                                {"FIGURE", cell.text},
                                {"CLASS", cell.style == Style::bad ? "bad" : ""}});
    }
    rows.push_back(row);
  }
  return rows;
}

// The slowest are always there: they are what a reader looks for.
std::vector<Sample> points_of(const BenchPhase& phase) {
  if (phase.samples.size() <= most_points) return phase.samples;
  auto samples = phase.samples;
  std::ranges::sort(samples, std::greater{}, &Sample::ms);
  constexpr std::size_t slowest = most_points / 10;
  std::vector<Sample> out(samples.begin(), samples.begin() + slowest);
  const auto rest = samples.size() - slowest;
  for (std::size_t i = 0; i < most_points - slowest; ++i) {
    out.push_back(samples[slowest + i * rest / (most_points - slowest)]);
  }
  return out;
}

Json timeline(const BenchReport& report, const LogAxis& axis, double end_s) {
  Json out = {{"SECONDS", second_ticks(end_s)}};
  std::size_t left_out = 0;
  for (std::size_t i = 0; i < report.phases.size(); ++i) {
    const auto points = points_of(report.phases[i]);
    left_out += report.phases[i].measured() - points.size();
    if (!report.phases[i].failed_ms().empty()) out["FAILURES"] = Json::object();
    for (const auto& point : points) {
      out["MARKS"].push_back({{"SERIES", i},
                              {"SHAPE", point.is_answer ? std::to_string(i) : "x"},
                              {"X", percent(point.start_s / end_s)},
                              {"Y", y_of(point.ms, axis)}});
    }
  }
  if (left_out > 0) out["LEFT_OUT"]["COUNT"] = format_count(left_out);
  if (report.silence) {
    const double from = percent(report.silence->from_seconds / end_s);
    const double until = percent(report.silence->until_seconds / end_s);
    out["SILENCE"] = {{"FROM", from},
                      {"LENGTH", rounded(until - from)},
                      {"MIDDLE", rounded((from + until) / 2)},
                      {"SERVER", report.silence->server}};
  }
  return out;
}

// Bars, not lines: each is the count of one second.
Json storm_chart(const Storm& storm) {
  const auto& [lookups, packets, total, quota] = storm;
  const auto peak = std::ranges::max(lookups);
  const auto highest = std::max({peak, std::ranges::max(packets), quota});
  const auto scale = (timeline_height - top) / (1.08 * static_cast<double>(highest));
  const auto y_of = [&](std::uint64_t count) {
    const double size = std::max(static_cast<double>(count) * scale, count > 0 ? lowest_bar : 0);
    return rounded(timeline_height - size);
  };
  const auto seconds = static_cast<double>(lookups.size());
  Json out = {{"PEAK", format_count(peak)},
              {"PEAK_Y", y_of(peak)},
              {"QUOTA", format_count(quota)},
              {"QUOTA_Y", y_of(quota)},
              {"SECONDS", second_ticks(seconds)}};
  const auto add_bar = [&](const char* style, std::uint64_t count, double at, double width) {
    out["BARS"].push_back({{"CLASS", style},
                           {"X", percent(at / seconds)},
                           {"Y", y_of(count)},
                           {"WIDTH", percent(width / seconds)},
                           {"SIZE", timeline_height - y_of(count)}});
  };
  for (std::size_t i = 0; i < lookups.size(); ++i) {
    add_bar("open s0", lookups[i], static_cast<double>(i) + 0.08, 0.84);
    add_bar("bin s1", packets[i], static_cast<double>(i) + 0.2, 0.6);
  }
  return out;
}

}  // namespace

std::string to_html(const BenchReport& report) {
  std::vector<double> times;
  double end_s = 0.001;
  for (const auto& phase : report.phases) {
    for (const auto& sample : phase.samples) {
      times.push_back(sample.ms);
      end_s = std::max(end_s, sample.start_s);
    }
  }
  const auto axis = LogAxis::around(times);
  Json values = {{"SCENARIO", report.scenario},
                 {"WHEN", report.when},
                 {"CONCLUSION", conclusion(report)},
                 {"SUBJECT", subject(report)},
                 {"BEFORE", report.storm ? "Upstream" : "Before"},
                 {"SERVERS", servers_in_words(report)},
                 {"CACHE", report.cache},
                 {"HEIGHT", row_height * static_cast<double>(report.phases.size())},
                 {"TICKS", time_ticks(axis)},
                 {"ROWS", rows_of(report, axis)},
                 {"MADE_WITH", report.made_with}};
  if (report.storm) {
    values["STORM"] = storm_chart(*report.storm);
  } else {
    values["TIMELINE"] = timeline(report, axis, end_s);
    values[report.silence ? "FAILOVER" : "COMPARE"] = Json::object();
  }
  values["COLUMNS"] = values["ROWS"][0]["FIGURES"];
  for (const auto& note : notes(report)) values["BELIEF"]["NOTES"].push_back({{"NOTE", note}});
  return fill_page(templates::bench_html, values);
}

}  // namespace dnscache::cli
