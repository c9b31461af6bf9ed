#include "cli/show/usage.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "cli/show/output.hpp"
#include "resolver/base/text.hpp"

namespace dnscache::cli {

namespace {

// CLI11 keeps what was parsed so far, so the innermost command that was reached is known.
const CLI::App& innermost(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? app : innermost(*parsed.front());
}

// "dnscachectl cache" for the command list.
std::string names_above(const CLI::App& app, const CLI::App& command) {
  if (&app == &command) return {};
  std::string names = app.get_name();
  for (const auto* level = &app; level->get_subcommands().front() != &command;) {
    level = level->get_subcommands().front();
    names += ' ' + level->get_name();
  }
  return names;
}

std::vector<std::string> known_words(const CLI::App& app, const CLI::App& command) {
  std::vector<std::string> words;
  for (const auto* subcommand : command.get_subcommands([](const CLI::App*) { return true; })) {
    if (!subcommand->get_group().empty()) words.push_back(subcommand->get_name());
  }
  for (const auto* level : {&app, &command}) {
    for (const auto* option : level->get_options()) {
      if (option->get_group().empty()) continue;
      for (const auto& name : option->get_lnames()) words.push_back("--" + name);
    }
  }
  return words;
}

std::string explanation(const CLI::App& app, const CLI::App& command,
                        const CLI::ParseError& error) {
  const auto extras = app.remaining(true);
  if (extras.empty() && &command == &app && error.get_name() == "RequiredError") {
    return "a command is needed";
  }
  if (extras.empty()) return error.what();
  const auto suggestion = nearest(extras.front(), known_words(app, command));
  const bool is_option = extras.front().starts_with('-');
  return fmt::format(
      "unknown {} '{}'{}", is_option ? "option" : (&app == &command ? "command" : "argument"),
      extras.front(), suggestion.empty() ? "" : fmt::format(", did you mean '{}'?", suggestion));
}

std::string first_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

}  // namespace

std::vector<std::string> as_options(std::vector<std::string> words) {
  if (words.empty()) return words;
  if (words.front() == "version") words.front() = "--version";
  if (words.front() != "help") return words;
  words.erase(words.begin());
  words.push_back("--help");
  return words;
}

ExitCode report_parse_error(const CLI::App& app, const CLI::ParseError& error) {
  const auto& command = innermost(app);
  if (error.get_name() == "CallForHelp" || error.get_name() == "CallForAllHelp") {
    print(command.help(names_above(app, command)));
    return ExitCode::done;
  }
  if (error.get_name() == "CallForVersion") {
    print(std::string(error.what()) + '\n');
    return ExitCode::done;
  }
  const auto above = names_above(app, command);
  print_message(fmt::format("{}; see '{}{} --help'", first_line(explanation(app, command, error)),
                            above.empty() ? "" : above + ' ', command.get_name()));
  return ExitCode::usage;
}

}  // namespace dnscache::cli
