#include "cli/import/import.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <fmt/format.h>

#include "cli/show/output.hpp"

namespace dnscache::cli {

namespace {

Style style_of(LineResult result) {
  if (result == LineResult::refused) return Style::bad;
  return result == LineResult::not_needed ? Style::dim : Style::good;
}

std::string place_of(const TranslatedLine& line) {
  const std::string file = std::filesystem::path(line.file).filename().string();
  return line.line == 0 ? file : fmt::format("{}:{}", file, line.line);
}

std::string counted(const Translation& translation) {
  std::string text;
  for (const LineResult result :
       {LineResult::kept, LineResult::translated, LineResult::not_needed, LineResult::refused}) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", translation.count(result),
                        result_words.print(result));
  }
  return text;
}

}  // namespace

// On the command line "not needed" is one word.
bool is_shown(const TranslatedLine& line, const std::vector<std::string>& only) {
  std::string word(result_words.print(line.result));
  std::ranges::replace(word, ' ', '-');
  return only.empty() || std::ranges::count(only, word) > 0;
}

std::string imported_config(const Translation& translation, const std::filesystem::path& file) {
  return fmt::format(
             "# Configuration of dnscachectl, made by 'dnscachectl import' from {}.\n"
             "# Each setting stands below the lines that it comes from.\n\n",
             file.string()) +
         print_config(translation.config, translation.origins);
}

void print_lines(const Translation& translation, const std::vector<std::string>& only,
                 std::ostream& out) {
  const Terminal terminal = Terminal::of(STDERR_FILENO);
  std::string program = translation.program;
  std::ranges::transform(program, program.begin(), [](unsigned char c) { return std::toupper(c); });
  Table table({{"LINE", "line"},
               {program, "text", false, true},
               {"RESULT", "result"},
               {"HERE", "explanation"}});
  for (const bool is_refused : {true, false}) {
    for (const TranslatedLine& line : translation.lines) {
      if ((line.result == LineResult::refused) != is_refused || !is_shown(line, only)) continue;
      table.add_row(
          {Cell(place_of(line)), Cell(line.text),
           Cell(std::string(result_words.print(line.result)), nullptr, style_of(line.result)),
           Cell(line.explanation)});
    }
  }
  if (!table.is_empty()) out << table.to_text(terminal);
  out << "dnscachectl: " << counted(translation) << '\n';
}

}  // namespace dnscache::cli
