#include "cli/completion.hpp"

#include <CLI/Option.hpp>
#include <algorithm>

#include "cli/commands.hpp"
#include "cli/output.hpp"

namespace dnscache::cli {

namespace {

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

bool is_visible(const CLI::Option& option) {
  return !option.get_group().empty() && !option.get_lnames().empty();
}

/// The command that the words reached, and whether the last of them waits for a value.
struct Position {
  CLI::App* command = nullptr;
  const CLI::Option* waiting = nullptr;
  std::vector<const CLI::App*> levels;  ///< the command and those above it
};

const CLI::Option* find_option(const std::vector<const CLI::App*>& levels,
                               const std::string& word) {
  for (auto level = levels.rbegin(); level != levels.rend(); ++level) {
    if (const auto* option = (*level)->get_option_no_throw(word)) return option;
    // An option group hides its options from the command it belongs to.
    for (const auto* group : (*level)->get_subcommands([](const CLI::App*) { return true; })) {
      if (!group->get_name().empty()) continue;
      if (const auto* option = group->get_option_no_throw(word)) return option;
    }
  }
  return nullptr;
}

CLI::App* find_command(CLI::App& parent, const std::string& name) {
  for (auto* command : parent.get_subcommands([](CLI::App*) { return true; })) {
    if (!name.empty() && command->get_name() == name) return command;
  }
  return nullptr;
}

Position walk(CLI::App& app, const std::vector<std::string>& words) {
  Position position{&app, nullptr, {&app}};
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (position.waiting != nullptr) {
      position.waiting = nullptr;
    } else if (words[i].starts_with('-')) {
      const auto* option = find_option(position.levels, words[i]);
      if (option != nullptr && takes_value(*option)) position.waiting = option;
    } else if (auto* command = find_command(*position.command, words[i])) {
      position.command = command;
      position.levels.push_back(command);
    }
  }
  return position;
}

std::vector<const CLI::Option*> options_of(const CLI::App& command) {
  auto options = command.get_options([](const CLI::Option*) { return true; });
  for (const auto* group : command.get_subcommands([](const CLI::App*) { return true; })) {
    if (!group->get_name().empty()) continue;
    for (const auto* option : group->get_options()) options.push_back(option);
  }
  return options;
}

void add_options(std::vector<Candidate>& candidates, const CLI::App& command) {
  for (const auto* option : options_of(command)) {
    if (!is_visible(*option)) continue;
    candidates.push_back({"--" + option->get_lnames().front(), option->get_description()});
  }
}

void add_commands(std::vector<Candidate>& candidates, const CLI::App& command) {
  for (const auto* subcommand : command.get_subcommands([](const CLI::App*) { return true; })) {
    if (subcommand->get_group().empty() || subcommand->get_name().empty()) continue;
    candidates.push_back({subcommand->get_name(), subcommand->get_description()});
  }
}

void add_positional_choices(std::vector<Candidate>& candidates, const CLI::App& command) {
  for (const auto* option : options_of(command)) {
    if (!option->get_positional()) continue;
    for (const auto& choice : choices_of(command, *option)) candidates.push_back({choice, ""});
  }
}

std::vector<Candidate> candidates_at(const Position& position, const std::string& begun) {
  std::vector<Candidate> candidates;
  if (position.waiting != nullptr) {
    for (const auto& choice : choices_of(*position.command, *position.waiting)) {
      candidates.push_back({choice, ""});
    }
  } else if (begun.starts_with('-')) {
    for (const auto* level : position.levels) add_options(candidates, *level);
  } else {
    add_commands(candidates, *position.command);
    add_positional_choices(candidates, *position.command);
  }
  return candidates;
}

}  // namespace

std::vector<Candidate> complete(CLI::App& app, const std::vector<std::string>& words) {
  const std::string begun = words.empty() ? "" : words.back();
  auto candidates = candidates_at(walk(app, words), begun);
  std::erase_if(candidates,
                [&](const Candidate& candidate) { return !candidate.word.starts_with(begun); });
  std::vector<Candidate> unique;
  for (auto& candidate : candidates) {
    const auto is_same = [&](const Candidate& other) { return other.word == candidate.word; };
    if (std::ranges::none_of(unique, is_same)) unique.push_back(std::move(candidate));
  }
  return unique;
}

Result<ExitCode> run_complete(const std::vector<std::string>& words) {
  Options ignored;
  const auto app = make_commands(ignored);
  std::string out;
  for (const auto& candidate : complete(*app, words)) {
    out += candidate.word + '\t' + candidate.description + '\n';
  }
  print(out);
  return ExitCode::done;
}

Result<ExitCode> run_completion(const std::string& shell) {
  print(shell == "bash" ? bash_completion : shell == "zsh" ? zsh_completion : fish_completion);
  return ExitCode::done;
}

}  // namespace dnscache::cli
