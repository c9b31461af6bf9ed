#include "cli/show/plot.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace dnscache::cli {

namespace {

constexpr std::size_t usual_width = 76;
constexpr std::size_t narrowest_plot = 20;
constexpr std::size_t plot_rows = 3;
constexpr const char* blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr const char* plain_blocks[] = {" ", ".", ":", "|", "#"};

std::size_t levels(const Terminal& terminal) { return terminal.has_unicode ? 8 : 4; }

const char* block(const Terminal& terminal, std::size_t level) {
  return terminal.has_unicode ? blocks[level] : plain_blocks[level];
}

std::size_t level_of(double share, std::size_t highest) {
  const auto level = std::lround(std::clamp(share, 0.0, 1.0) * static_cast<double>(highest));
  return std::max<std::size_t>(static_cast<std::size_t>(level), 1);  // seen, however small
}

// Where the ticks are told, each label centred on its tick if there is room.
std::string tick_line(const LogAxis& axis, std::size_t width) {
  std::string line;
  std::size_t used = 0;
  for (const double tick : axis.ticks()) {
    const auto label = short_time(tick);
    const auto size = display_width(label);
    const auto centre = static_cast<std::size_t>(axis.share(tick) * static_cast<double>(width - 1));
    const auto wanted = centre > size / 2 ? centre - size / 2 : 0;
    const auto place = std::min(wanted, width - std::min(width, size));
    if (used > 0 && place < used + 1) continue;
    line += std::string(place - used, ' ') + label;
    used = place + size;
  }
  return line;
}

std::string axis_line(const Terminal& terminal, const LogAxis& axis, std::size_t width) {
  std::vector<bool> is_tick(width);
  for (const double tick : axis.ticks()) {
    is_tick[static_cast<std::size_t>(axis.share(tick) * static_cast<double>(width - 1))] = true;
  }
  std::string line;
  for (const bool tick : is_tick) {
    line += terminal.has_unicode ? (tick ? "┴" : "─") : (tick ? "+" : "-");
  }
  return line;
}

std::vector<std::string> histogram_rows(const Terminal& terminal,
                                        const std::vector<std::size_t>& bins) {
  const auto fullest = *std::ranges::max_element(bins);
  const auto per_row = levels(terminal);
  std::vector<std::string> rows(plot_rows);
  for (const auto count : bins) {
    const double share = static_cast<double>(count) / static_cast<double>(std::max(fullest, 1ul));
    const auto level = count == 0 ? 0 : level_of(share, plot_rows * per_row);
    for (std::size_t row = 0; row < plot_rows; ++row) {
      const auto below = (plot_rows - 1 - row) * per_row;
      rows[row] += block(terminal, std::min(level - std::min(level, below), per_row));
    }
  }
  return rows;
}

constexpr double steps_per_second = 2;

std::size_t step_of(double second) { return static_cast<std::size_t>(second * steps_per_second); }

std::string slowest_in_steps(const Terminal& terminal, const TimedSeries& line, const LogAxis& axis,
                             std::size_t steps) {
  std::vector<double> slowest(steps, -1);
  for (const auto& value : line.values) {
    auto& share = slowest[step_of(value.start_s)];
    share = std::max(share, axis.share(value.ms));
  }
  std::string out;
  for (const double share : slowest) {
    out += share < 0 ? " " : block(terminal, level_of(share, levels(terminal)));
  }
  return out;
}

}  // namespace

LogAxis LogAxis::around(const std::vector<double>& milliseconds) {
  LogAxis axis;
  bool is_first = true;
  for (const double value : milliseconds) {
    if (value <= 0) continue;
    const int below = static_cast<int>(std::floor(std::log10(value)));
    axis.low = is_first ? below : std::min(axis.low, below);
    axis.high = is_first ? below + 1 : std::max(axis.high, below + 1);
    is_first = false;
  }
  return axis;
}

double LogAxis::share(double milliseconds) const {
  if (milliseconds <= 0) return 0;
  return std::clamp((std::log10(milliseconds) - low) / (high - low), 0.0, 1.0);
}

double LogAxis::value_at(double share) const { return std::pow(10, low + share * (high - low)); }

std::vector<double> LogAxis::ticks() const {
  std::vector<double> out;
  for (int exponent = low; exponent <= high; ++exponent) out.push_back(std::pow(10, exponent));
  return out;
}

std::string short_time(double milliseconds) { return fmt::format("{:.6g} ms", milliseconds); }

std::vector<std::size_t> log_histogram(const std::vector<double>& values, const LogAxis& axis,
                                       std::size_t bins) {
  std::vector<std::size_t> counts(bins);
  for (const double value : values) {
    const auto bin = static_cast<std::size_t>(axis.share(value) * static_cast<double>(bins));
    ++counts[std::min(bin, bins - 1)];
  }
  return counts;
}

std::string distribution_plot(const Terminal& terminal, const std::vector<Series>& distributions) {
  std::vector<double> all;
  std::size_t title_width = 0;
  for (const auto& series : distributions) {
    all.insert(all.end(), series.values.begin(), series.values.end());
    title_width = std::max(title_width, display_width(series.title));
  }
  const auto room = terminal.width == 0 ? usual_width : terminal.width;
  if (all.empty() || room < title_width + 2 + narrowest_plot) return "";
  const auto width = room - title_width - 2;
  const auto axis = LogAxis::around(all);
  const std::string margin(title_width + 2, ' ');
  std::string out;
  const auto add_line = [&](std::string line) {
    while (line.ends_with(' ')) line.pop_back();
    out += line + '\n';
  };
  for (const auto& series : distributions) {
    if (series.values.empty()) continue;
    const auto rows = histogram_rows(terminal, log_histogram(series.values, axis, width));
    for (std::size_t row = 0; row < rows.size(); ++row) {
      const bool is_last = row + 1 == rows.size();
      const auto title = is_last
                             ? styled(terminal, Style::strong, series.title) +
                                   std::string(title_width + 2 - display_width(series.title), ' ')
                             : margin;
      add_line(title + rows[row]);
    }
  }
  add_line(margin + axis_line(terminal, axis, width));
  add_line(margin + tick_line(axis, width));
  return out;
}

std::string timeline_plot(const Terminal& terminal, const std::vector<TimedSeries>& lines,
                          const std::string& mark, double from_s, double until_s) {
  std::vector<double> all;
  std::size_t steps = 0;
  std::size_t title_width = mark.size();
  for (const auto& line : lines) {
    title_width = std::max(title_width, display_width(line.title));
    for (const auto& value : line.values) {
      all.push_back(value.ms);
      steps = std::max(steps, step_of(value.start_s) + 1);
    }
  }
  if (terminal.width != 0 && title_width + 2 + steps > terminal.width) return "";
  const auto axis = LogAxis::around(all);
  Table table({{"", ""},
               {fmt::format("slowest lookup that began in each half second, {} to {}",
                            short_time(axis.value_at(0)), short_time(axis.value_at(1))),
                ""}});
  for (const auto& line : lines) {
    table.add_row(
        {{line.title, nullptr, Style::strong}, {slowest_in_steps(terminal, line, axis, steps)}});
  }
  std::string marks;
  for (std::size_t step = 0; step < steps; ++step) {
    const bool is_marked = step >= step_of(from_s) && step < step_of(until_s);
    marks += !is_marked ? " " : terminal.has_unicode ? "─" : "-";
  }
  table.add_row({{mark}, {marks}});
  return table.to_text(terminal);
}

}  // namespace dnscache::cli
