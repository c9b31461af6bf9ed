#include <catch2/catch.hpp>

#include "cli/show/output.hpp"

using namespace dnscache::cli;

namespace {

Terminal terminal_of_width(std::size_t width, bool has_unicode = true) {
  Terminal terminal;
  terminal.width = width;
  terminal.has_unicode = has_unicode;
  return terminal;
}

Table two_rows() {
  Table table({{"NAME", "name", false, true}, {"SENT", "sent", true}, {"", ""}});
  table.add_row({{"a.example", "a.example"}, {"1,234", 1234}, {"x"}});
  table.add_row({{"ä", "ä"}, {"5", 5}, {""}});
  return table;
}

}  // namespace

TEST_CASE("a table aligns by code points and leaves no blanks at line ends") {
  CHECK(two_rows().to_text(Terminal{}) ==
        "NAME        SENT\n"
        "a.example  1,234  x\n"
        "ä              5\n");
}

TEST_CASE("a table is shortened to the terminal") {
  Table table({{"NAME", "name", false, true}, {"N", "n", true}});
  table.add_row({{"a-very-long-name.example"}, {"1"}});
  CHECK(table.to_text(terminal_of_width(14)) == "NAME         N\na-very-lon…  1\n");
  CHECK(table.to_text(terminal_of_width(14, false)) == "NAME         N\na-very-lo..  1\n");
}

TEST_CASE("JSON has the values of the columns that have a key") {
  CHECK(two_rows().to_json() ==
        nlohmann::json::parse(R"([{"name":"a.example","sent":1234},{"name":"ä","sent":5}])"));
}

TEST_CASE("text from the network cannot steer the terminal") {
  Table table(std::vector<Column>{{"NAME", "name"}});
  table.add_row({{"evil\033[2J\r\n"}});
  CHECK(table.to_text(Terminal{}) == "NAME\nevil\\u001b[2J\\u000d\\u000a\n");
}

TEST_CASE("long lines are wrapped behind an indent, on a terminal only") {
  CHECK(wrapped(terminal_of_width(20), "one two three four five six", 4) ==
        "one two three\n    four five six");
  CHECK(wrapped(Terminal{}, "one two three four five six", 4) == "one two three four five six");
}

TEST_CASE("bars") {
  CHECK(bar(terminal_of_width(0), 0.5, 4) == "██  ");
  CHECK(bar(terminal_of_width(0), 1.0 / 32, 4) == "▏   ");
  CHECK(bar(terminal_of_width(0, false), 0.5, 4) == "##..");
  CHECK(bar(terminal_of_width(0, false), 7, 4) == "####");
  CHECK(bar(terminal_of_width(0, false), 0.0 / 0.0, 4) == "....");
}

TEST_CASE("colours only where there are some") {
  Terminal terminal;
  CHECK(styled(terminal, Style::bad, "x") == "x");
  terminal.has_colors = true;
  CHECK(styled(terminal, Style::bad, "x") == "\033[1;31mx\033[0m");
  CHECK(styled(terminal, Style::plain, "x") == "x");
}

TEST_CASE("a file is no terminal") {
  const auto terminal = Terminal::of(-1);
  CHECK_FALSE(terminal.is_tty);
  CHECK_FALSE(terminal.has_colors);
  CHECK(terminal.width == 0);
}

TEST_CASE("numbers for people") {
  CHECK(format_count(0) == "0");
  CHECK(format_count(999) == "999");
  CHECK(format_count(1000) == "1,000");
  CHECK(format_count(1234567) == "1,234,567");
  CHECK(format_counted(1, "answer") == "1 answer");
  CHECK(format_counted(2, "answer") == "2 answers");
  CHECK(format_bytes(1) == "1 byte");
  CHECK(format_bytes(1536) == "1.5 KiB");
  CHECK(format_bytes(64 << 20) == "64 MiB");
  CHECK(format_milliseconds(0.0434) == "0.043 ms");
  CHECK(format_milliseconds(2.345) == "2.35 ms");
  CHECK(format_milliseconds(12.34) == "12.3 ms");
  CHECK(format_milliseconds(5005) == "5.00 s");
  CHECK(format_uptime(59.9) == "59 s");
  CHECK(format_uptime(192) == "3 min 12 s");
  CHECK(format_uptime(18120) == "5 h 2 min");
  CHECK(format_uptime(1047600) == "12 d 3 h");
  CHECK(format_percent(0.973) == "97.3 %");
}

TEST_CASE("a sparkline shows the last values against the highest, and what is missing") {
  const auto unicode = terminal_of_width(80);
  CHECK(sparkline(unicode, {1.0, 8.0, std::nullopt, 4.0}, 10) == "▂█×▅");
  CHECK(sparkline(unicode, {100.0, 1.0, 2.0}, 2) == "▅█");
  CHECK(sparkline(terminal_of_width(80, false), {0.0, 8.0, std::nullopt}, 10) == "_#x");
  CHECK(sparkline(unicode, {0.0}, 10) == "▁");
  CHECK(sparkline(unicode, {}, 10).empty());
}
