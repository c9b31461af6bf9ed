// The report as a page. Horizontal places in the charts are percentages and nothing is scaled, so
// that text keeps its size from a phone to a wide screen.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "cli/bench/report.hpp"
#include "cli/show/fill.hpp"
#include "cli/show/plot.hpp"
#include "resolver/base/text.hpp"
#include "resolver/base/version.hpp"
#include "templates/templates.hpp"

namespace dnscache::cli {

namespace {

constexpr std::size_t bins = 64;
constexpr double row_height = 92;        // px, of a distribution
constexpr double bar_height = 52;        // px, of its fullest bin
constexpr double axis_height = 24;       // px, for the labels of ticks
constexpr double timeline_height = 260;  // px
constexpr double top = 14;               // px, for a label above the highest grid line
constexpr std::size_t most_ticks_on_a_phone = 6;
constexpr std::size_t most_labelled_seconds = 12;
constexpr std::size_t most_points = 1500;  // of each series
constexpr std::size_t most_series = 3;     // there are colours and shapes for as many

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string anchor_at(double share) {
  if (share < 0.03) return "start";
  return share > 0.97 ? "end" : "middle";
}

std::string vertical_ticks(const LogAxis& axis, double height) {
  std::string out;
  const auto ticks = axis.ticks();
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    const double tick = ticks[i];
    const double share = axis.share(tick);
    const bool is_left_out_on_a_phone = ticks.size() > most_ticks_on_a_phone && i % 2 == 1;
    out += fmt::format(R"(<line class="grid" x1="{0:.2f}%" x2="{0:.2f}%" y1="0" y2="{1}"/>)"
                       R"(<text{5} x="{0:.2f}%" y="{2}" text-anchor="{3}">{4}</text>)",
                       share * 100, height, height + 16, anchor_at(share), short_time(tick),
                       is_left_out_on_a_phone ? " class=\"wide\"" : "");
    out += '\n';
  }
  return out;
}

// A phone has room for the first of them only.
std::string figures_in_words(const Summary& summary) {
  return fmt::format("median {}<tspan class=\"wide\">, {} {}</tspan>",
                     format_milliseconds(summary.p50), summary.p99 ? "P99" : "max",
                     format_milliseconds(summary.p99.value_or(summary.max)));
}

std::string distribution_row(const BenchPhase& phase, std::size_t index, const LogAxis& axis) {
  const auto values = phase.answered_ms();
  const double base = static_cast<double>(index + 1) * row_height;
  std::string out = fmt::format(
      R"(<text class="name onplot" x="4" y="{:.0f}">{}<tspan font-weight="400"> {}</tspan></text>)",
      base - bar_height - 14, escaped(phase.title),
      values.empty() ? "no answer" : figures_in_words(summarize(values)));
  out += '\n';
  const auto counts = log_histogram(values, axis, bins);
  const auto fullest = static_cast<double>(std::max<std::size_t>(std::ranges::max(counts), 1));
  const double width = 100.0 / bins;
  for (std::size_t i = 0; i < bins; ++i) {
    if (counts[i] == 0) continue;
    const double height = std::max(1.5, bar_height * static_cast<double>(counts[i]) / fullest);
    out += fmt::format(
        R"(<rect class="bin s{}" x="{:.2f}%" y="{:.1f}" width="{:.2f}%" height="{:.1f}"/>)", index,
        static_cast<double>(i) * width, base - height, width * 0.9, height);
  }
  out += fmt::format(R"(<line class="base" x1="0" x2="100%" y1="{0:.1f}" y2="{0:.1f}"/>)", base);
  if (!values.empty()) {
    const double median = axis.share(summarize(values).p50) * 100;
    out +=
        fmt::format(R"(<line class="mid" x1="{0:.2f}%" x2="{0:.2f}%" y1="{1:.1f}" y2="{2:.1f}"/>)",
                    median, base - bar_height - 4, base + 3);
  }
  return out + '\n';
}

std::vector<double> all_times(const BenchReport& report) {
  std::vector<double> all;
  for (const auto& phase : report.phases) {
    for (const auto& sample : phase.samples) all.push_back(sample.ms);
  }
  return all;
}

std::string distribution_chart(const BenchReport& report, const LogAxis& axis) {
  const double height = row_height * static_cast<double>(report.phases.size());
  std::string out = fmt::format(
      R"(<svg class="chart" id="distribution" role="img" height="{:.0f}" aria-label="Distribution of lookup times, {}">)",
      height + axis_height, escaped(conclusion(report)));
  out += '\n' + vertical_ticks(axis, height);
  for (std::size_t i = 0; i < report.phases.size(); ++i) {
    out += distribution_row(report.phases[i], std::min(i, most_series - 1), axis);
  }
  return out + "</svg>\n";
}

// Shapes that differ without colour: a circle, a square, a triangle, and a cross for failures.
constexpr const char* shapes =
    R"(<defs><circle id="m0" r="3.2"/><rect id="m1" x="-2.8" y="-2.8" width="5.6" height="5.6"/>)"
    R"(<path id="m2" d="M0-3.8 3.6 2.6-3.6 2.6z"/>)"
    R"(<path id="mx" d="M-3.5-3.5 3.5 3.5M-3.5 3.5 3.5-3.5" stroke-width="2"/></defs>)"
    "\n";

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

double end_of(const BenchReport& report) {
  double end = 0;
  for (const auto& phase : report.phases) {
    for (const auto& sample : phase.samples) end = std::max(end, sample.start_s);
  }
  return std::max(end, 0.001);
}

// Steps of 1, 2 or 5 times a power of ten, at most six of them.
double step_for(double length) {
  const double raw = length / 6;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw) return factor * power;
  }
  return 10 * power;
}

std::string seconds_axis(double end_s, double height) {
  std::string out;
  const double step = step_for(end_s);
  for (double at = 0; at <= end_s * 1.0001; at += step) {
    const double share = at / end_s;
    out += fmt::format(R"(<line class="base" x1="{0:.2f}%" x2="{0:.2f}%" y1="{1}" y2="{2}"/>)"
                       R"(<text x="{0:.2f}%" y="{3}" text-anchor="{4}">{5:.4g} s</text>)",
                       share * 100, height, height + 4, height + 18, anchor_at(share), at);
  }
  return out + '\n';
}

double height_of(double milliseconds, const LogAxis& axis) {
  return top + (1 - axis.share(milliseconds)) * (timeline_height - top);
}

std::string horizontal_ticks(const LogAxis& axis) {
  std::string out;
  for (const double tick : axis.ticks()) {
    const double y = height_of(tick, axis);
    out += fmt::format(R"(<line class="grid" x1="0" x2="100%" y1="{0:.1f}" y2="{0:.1f}"/>)", y);
  }
  return out + '\n';
}

// Over the points, with a halo.
std::string horizontal_labels(const LogAxis& axis) {
  std::string out;
  for (const double tick : axis.ticks()) {
    out += fmt::format(R"(<text class="onplot" x="2" y="{:.1f}">{}</text>)",
                       height_of(tick, axis) - 3, short_time(tick));
  }
  return out + '\n';
}

std::string silence_shade(const Silence& silence, double end_s) {
  const double from = std::min(1.0, silence.from_s / end_s) * 100;
  const double until = std::min(1.0, silence.until_s / end_s) * 100;
  return fmt::format(
      R"(<rect class="shade" x="{:.2f}%" width="{:.2f}%" y="0" height="{}"/>)"
      R"(<text class="onplot" x="{:.2f}%" y="11" text-anchor="middle">{} silent</text>)"
      "\n",
      from, until - from, timeline_height, (from + until) / 2, escaped(silence.server));
}

std::string legend(const BenchReport& report) {
  std::string out = "<ul class=\"legend\">";
  bool has_failures = false;
  for (std::size_t i = 0; i < report.phases.size(); ++i) {
    const auto shape = std::min(i, most_series - 1);
    out += fmt::format(R"(<li><svg viewBox="-7 -7 14 14" aria-hidden="true"><use href="#m{0}" )"
                       R"(class="legend-mark s{0}"/></svg>{1}</li>)",
                       shape, escaped(report.phases[i].title));
    has_failures = has_failures || !report.phases[i].failed_ms().empty();
  }
  if (has_failures) {
    out += R"(<li><svg viewBox="-7 -7 14 14" aria-hidden="true"><use href="#mx" )"
           R"(stroke="currentColor"/></svg>failed</li>)";
  }
  return out + "</ul>\n";
}

std::string timeline_chart(const BenchReport& report, const LogAxis& axis) {
  const double end_s = end_of(report);
  std::string points;
  std::size_t left_out = 0;
  for (std::size_t i = 0; i < report.phases.size(); ++i) {
    const auto samples = points_of(report.phases[i]);
    left_out += report.phases[i].samples.size() - samples.size();
    const auto series = std::min(i, most_series - 1);
    for (const auto& sample : samples) {
      points += fmt::format(R"(<use class="dot s{}" href="#m{}" x="{:.2f}%" y="{:.1f}"/>)", series,
                            sample.is_answer ? std::to_string(series) : "x",
                            sample.start_s / end_s * 100, height_of(sample.ms, axis));
    }
    points += '\n';
  }
  auto about =
      fmt::format("Each mark is a lookup: when it began, and how long it took{}.",
                  left_out > 0 ? " (of many, the slowest and an even choice of the rest; " +
                                     format_count(left_out) + " are not drawn)"
                               : "");
  return fmt::format(
             "<h2>Over time</h2>\n<p>{}</p>\n"
             R"(<svg class="chart" id="timeline" role="img" height="{}" aria-label="Each lookup's time over the run">)"
             "\n",
             about, timeline_height + axis_height) +
         shapes + (report.silence ? silence_shade(*report.silence, end_s) : "") +
         horizontal_ticks(axis) + points + horizontal_labels(axis) +
         seconds_axis(end_s, timeline_height) + "</svg>\n" + legend(report);
}

std::string storm_label(double value, double y) {
  return fmt::format(R"(<text class="onplot" x="2" y="{:.1f}">{}/s</text>)", y - 3,
                     format_count(static_cast<std::uint64_t>(value)));
}

// Bars, not lines: each is the count of one second.
std::string storm_chart(const BenchReport& report) {
  const auto& storm = *report.storm;
  const auto highest =
      static_cast<double>(std::max({storm.lookups_peak(), storm.packets_peak(), storm.quota}));
  const auto y_of = [&](double value) {
    return top + (1 - value / (highest * 1.08)) * (timeline_height - top);
  };
  const double width = 100.0 / static_cast<double>(std::max<std::size_t>(storm.lookups.size(), 1));
  std::string bars;
  std::string numbers;
  const auto add_bar = [&](const char* style, std::size_t second, std::uint64_t count, double left,
                           double share) {
    const double highest_y = count == 0 ? timeline_height : timeline_height - 1.5;
    const double y = std::min(y_of(static_cast<double>(count)), highest_y);
    bars += fmt::format(
        R"(<rect class="second {}" x="{:.2f}%" y="{:.1f}" width="{:.2f}%" height="{:.1f}"/>)",
        style, (static_cast<double>(second) + left) * width, y, width * share, timeline_height - y);
  };
  for (std::size_t i = 0; i < storm.lookups.size(); ++i) {
    add_bar("open s0", i, storm.lookups[i], 0.08, 0.84);
    add_bar("bin s1", i, storm.packets[i], 0.2, 0.6);
    if (storm.lookups.size() > most_labelled_seconds) continue;
    const double y = std::min(y_of(static_cast<double>(storm.packets[i])), timeline_height - 1.5);
    numbers +=
        fmt::format(R"(<text class="onplot" x="{:.2f}%" y="{:.1f}" text-anchor="middle">{}</text>)",
                    (static_cast<double>(i) + 0.5) * width, y - 4, format_count(storm.packets[i]));
  }
  const double quota_y = y_of(static_cast<double>(storm.quota));
  const double peak_y = y_of(static_cast<double>(storm.lookups_peak()));
  auto labels = storm_label(static_cast<double>(storm.lookups_peak()), peak_y);
  labels +=
      fmt::format(R"(<line class="quota" x1="0" x2="100%" y1="{0:.1f}" y2="{0:.1f}"/>)"
                  R"(<text class="onplot" x="100%" y="{1:.1f}" text-anchor="end">{2}/s: what )"
                  R"(a VPC's resolver lets through</text>)",
                  quota_y, quota_y - 5, format_count(storm.quota));
  return fmt::format(
             "<h2>Every second</h2>\n<p>The packets that reached the upstream in each second, in "
             "front of the lookups that were made.</p>\n"
             R"(<svg class="chart" id="timeline" role="img" height="{}" aria-label="Lookups and upstream packets in each second">)"
             "\n",
             timeline_height + axis_height) +
         bars + '\n' + numbers + '\n' +
         fmt::format(R"(<line class="base" x1="0" x2="100%" y1="{0}" y2="{0}"/>)",
                     timeline_height) +
         labels + seconds_axis(static_cast<double>(storm.lookups.size()), timeline_height) +
         "</svg>\n<ul class=\"legend\">"
         R"(<li><svg viewBox="0 0 14 14"><rect class="open s0" width="14" height="14"/></svg>lookups</li>)"
         R"(<li><svg viewBox="0 0 14 14"><rect class="bin s1" width="14" height="14"/></svg>packets to the upstream</li></ul>)"
         "\n";
}

std::string tile(const char* style, const std::string& figure, const std::string& about) {
  return fmt::format("<div class=\"tile {}\"><b>{}</b><span>{}</span></div>\n", style,
                     escaped(figure), escaped(about));
}

std::string storm_tiles(const BenchReport& report) {
  const auto& storm = *report.storm;
  const auto lookups = report.phases.empty() ? 0 : report.phases.front().measured();
  return tile("s0", format_count(lookups), "lookups") +
         tile("s1", format_count(storm.packets_total), "packets to the upstream") +
         tile("s0", format_count(storm.lookups_peak()), "lookups in a second, at most") +
         tile("s1", format_count(storm.packets_peak()), "packets in a second, at most");
}

std::string tiles(const BenchReport& report) {
  if (report.storm) return storm_tiles(report);
  std::string out;
  constexpr const char* styles[] = {"s0", "s1", "s2"};
  for (std::size_t i = 0; i < report.phases.size(); ++i) {
    const auto& phase = report.phases[i];
    const auto summary = summarize(phase.answered_ms());
    const bool has_answer = summary.count > 0;
    const auto figure = report.silence
                            ? format_milliseconds(DuringSilence::of(report, phase.key).slowest_ms)
                            : (has_answer ? format_milliseconds(summary.p50) : "no answer");
    out += tile(styles[std::min(i, most_series - 1)], figure,
                phase.title + (report.silence ? ": slowest while silent" : ": median"));
  }
  const auto* warm = report.phase("warm");
  if (!report.silence && warm != nullptr && warm->passed_on) {
    out += tile(
        "", fmt::format("{} of {}", format_count(*warm->passed_on), format_count(warm->measured())),
        "warm lookups that reached an upstream");
  }
  return out;
}

std::string table(const BenchReport& report) {
  static constexpr const char* titles[] = {"lookups", "failed", "min", "P50",
                                           "P90",     "P99",    "max", "upstream"};
  std::string out = "<thead><tr><th></th>";
  for (const auto* title : titles) out += fmt::format("<th>{}</th>", title);
  out += "</tr></thead>\n<tbody>\n";
  for (const auto& phase : report.phases) {
    const auto cells = row_of(phase);
    out += fmt::format("<tr><th>{}</th>", escaped(cells.front().text));
    for (std::size_t i = 0; i < std::size(titles); ++i) {
      const auto& cell = cells[i + 1];
      out += fmt::format("<td data-label=\"{}\"{}>{}</td>", titles[i],
                         cell.style == Style::bad ? " class=\"bad\"" : "", cell.text);
    }
    out += "</tr>\n";
  }
  return out + "</tbody>\n";
}

std::string notes_section(const BenchReport& report) {
  const auto lines = notes(report);
  if (lines.empty()) return "";
  std::string out =
      "<section class=\"card\">\n<h2>Before you believe it</h2>\n<ul class=\"notes\">\n";
  for (const auto& line : lines) out += "<li>" + escaped(line) + "</li>\n";
  return out + "</ul>\n</section>\n";
}

std::string method(const BenchReport& report) {
  std::string text = "<p>";
  if (report.scenario == "failover") {
    text +=
        "The same lookups were begun at the same moments in three ways: as the C library asks "
        "servers, through a copy of the cache that forgot each name before it was asked, and "
        "through one that was left alone. Each way had relays of its own in front of the servers; "
        "the first relay of each fell silent at the same time.";
  } else if (report.storm) {
    text +=
        "Lookups were begun at an even pace through a copy of the cache. A relay in front of each "
        "upstream counted every packet that came out of it.";
  } else {
    text +=
        "The same lookups were made without the cache, through it after the names were flushed "
        "(cold), and through it again (warm), in rounds that took turns, so that what drifts "
        "during the run weighs on all alike; each round begins with the way that the last one "
        "ended with. Lookups to warm up are not counted. Two ways differ when the 95 % bootstrap "
        "interval of the difference of the medians is on one side of zero.";
  }
  return text + " A percentile that the sample is too small for is not shown.</p>\n";
}

std::string servers_in_words(const BenchReport& report) {
  return fmt::format("{}: {} ({}). Cache: {}.", report.storm ? "Upstream" : "Before",
                     join_words(report.before_servers, "then"), report.servers_from, report.cache);
}

}  // namespace

std::string to_html(const BenchReport& report) {
  const auto axis = LogAxis::around(all_times(report));
  return fill(templates::bench_html,
              {{"TITLE", "DNS lookups: " + escaped(report.scenario) + ", " + report.when},
               {"KIND", "dnscachectl bench · " + escaped(report.scenario)},
               {"CONCLUSION", escaped(conclusion(report))},
               {"SUBJECT", escaped(subject(report))},
               {"SERVERS", escaped(servers_in_words(report))},
               {"TILES", tiles(report)},
               {"DISTRIBUTION", distribution_chart(report, axis)},
               {"TIMELINE", report.storm ? storm_chart(report) : timeline_chart(report, axis)},
               {"TABLE", table(report)},
               {"NOTES", notes_section(report)},
               {"METHOD", method(report)},
               {"FOOTER", escaped(report.made_with) + ", " + report.when}});
}

}  // namespace dnscache::cli
