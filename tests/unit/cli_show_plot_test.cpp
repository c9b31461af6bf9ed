#include <catch2/catch.hpp>
#include <numeric>
#include <sstream>

#include "cli/show/plot.hpp"

using namespace dnscache::cli;

namespace {

Terminal unicode_terminal(std::size_t width) {
  Terminal terminal;
  terminal.has_unicode = true;
  terminal.width = width;
  return terminal;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("the axis begins and ends at powers of ten around the values") {
  const auto axis = LogAxis::around({0.03, 45, 0});
  CHECK(axis.low == -2);
  CHECK(axis.high == 2);
  CHECK(axis.share(0.01) == Approx(0));
  CHECK(axis.share(1) == Approx(0.5));
  CHECK(axis.share(100) == Approx(1));
  CHECK(axis.share(0) == 0);
  CHECK(axis.share(1e9) == 1);
  CHECK(axis.value_at(0.5) == Approx(1));
  CHECK(axis.ticks().size() == 5);
  CHECK(LogAxis::around({}).ticks().size() == 2);
  CHECK(LogAxis::around({10}).high == 2);
}

TEST_CASE("times on the axis have one unit") {
  CHECK(short_time(0.01) == "0.01 ms");
  CHECK(short_time(100) == "100 ms");
  CHECK(short_time(100'000) == "100000 ms");
}

TEST_CASE("every value is in one bin") {
  const std::vector<double> values = {0.01, 0.5, 1, 5, 99, 99.9};
  const auto bins = log_histogram(values, LogAxis::around(values), 7);
  CHECK(bins.size() == 7);
  CHECK(std::accumulate(bins.begin(), bins.end(), 0ul) == values.size());
  CHECK(bins.back() >= 1);
}

TEST_CASE("a plot keeps within the terminal, with blocks or without") {
  const std::vector<Series> series = {{"before", {2, 2, 2, 3, 40}}, {"after", {0.03, 0.04}}};
  for (const std::size_t width : {40, 80, 140}) {
    const auto lines = lines_of(distribution_plot(unicode_terminal(width), series));
    REQUIRE(lines.size() == 8);  // two of three rows, the axis and its labels
    for (const auto& line : lines) CHECK(display_width(line) <= width);
    CHECK(lines[2].starts_with("before  "));
    CHECK(lines[7].find("0.01 ms") != std::string::npos);
  }
  Terminal plain;
  plain.width = 60;
  for (const char c : distribution_plot(plain, series)) CHECK(static_cast<unsigned char>(c) < 0x80);
  CHECK(distribution_plot(unicode_terminal(20), series).empty());
  CHECK(distribution_plot(unicode_terminal(80), {{"none", {}}}).empty());
}

TEST_CASE("a timeline shows the slowest of each half second, gaps and a mark") {
  const std::vector<TimedSeries> lines = {{"cold", {{0, 1}, {0.1, 10}, {1, 3.2}, {1.9, 1}}}};
  CHECK(timeline_plot(unicode_terminal(80), lines, "silent", 0.5, 1) ==
        "        slowest lookup that began in each half second, 1 ms to 100 ms\n"
        "cold    ▄ ▂▁\n"
        "silent   ─\n");
  CHECK(timeline_plot(Terminal{}, lines, "silent", 0.5, 1).ends_with("silent   -\n"));
  CHECK(timeline_plot(unicode_terminal(11), lines, "silent", 0.5, 1).empty());
}
