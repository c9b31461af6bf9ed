#include "cli/commands/completion.hpp"

#include <CLI/Option.hpp>
#include <algorithm>
#include <chrono>

#include "cli/ask/control_client.hpp"
#include "cli/command.hpp"
#include "cli/command_line.hpp"
#include "cli/show/output.hpp"

namespace dnscache::cli {

namespace {

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

bool is_visible(const CLI::Option& option) {
  return !option.get_group().empty() && !option.get_lnames().empty();
}

/// The command that the words reached, and the option or argument whose value is at the cursor.
struct Position {
  CLI::App* command = nullptr;
  const CLI::Option* waiting = nullptr;  ///< an option in front of its value
  std::size_t arguments = 0;             ///< in front of the cursor
  std::vector<const CLI::App*> levels;   ///< the command and those above it
};

const CLI::Option* find_option(const std::vector<const CLI::App*>& levels,
                               const std::string& word) {
  for (const auto* level : levels) {
    if (const auto* option = level->get_option_no_throw(word)) return option;
  }
  return nullptr;
}

CLI::App* find_command(CLI::App& parent, const std::string& name) {
  for (auto* command : parent.get_subcommands([](CLI::App*) { return true; })) {
    if (command->get_name() == name) return command;
  }
  return nullptr;
}

Position walk(CLI::App& app, const std::vector<std::string>& words) {
  Position position{&app, nullptr, 0, {&app}};
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (position.waiting != nullptr) {
      position.waiting = nullptr;
    } else if (words[i].starts_with('-')) {
      const auto* option = find_option(position.levels, words[i]);
      if (option != nullptr && takes_value(*option)) position.waiting = option;
    } else if (auto* command = find_command(*position.command, words[i])) {
      position.command = command;
      position.levels.push_back(command);
    } else {
      ++position.arguments;
    }
  }
  return position;
}

void add_options(std::vector<Candidate>& candidates, const CLI::App& command) {
  for (const auto* option : command.get_options()) {
    if (!is_visible(*option)) continue;
    candidates.push_back({"--" + option->get_lnames().front(), option->get_description()});
  }
}

void add_commands(std::vector<Candidate>& candidates, const CLI::App& command) {
  for (const auto* subcommand : command.get_subcommands([](const CLI::App*) { return true; })) {
    if (subcommand->get_group().empty()) continue;
    candidates.push_back({subcommand->get_name(), subcommand->get_description()});
  }
}

// The argument that comes next; null: there is none.
const CLI::Option* argument_at(const Position& position) {
  std::size_t number = 0;
  for (const auto* option : position.command->get_options()) {
    if (option->get_positional() && number++ == position.arguments) return option;
  }
  return nullptr;
}

using Names = std::function<std::vector<std::string>()>;

void add_values(std::vector<Candidate>& candidates, const Suggestions& suggestions,
                const CLI::Option* option, const Names& cached_names) {
  if (suggestions.cached_names.contains(option) && cached_names) {
    for (auto& name : cached_names()) candidates.push_back({std::move(name), "in the cache"});
  }
  const auto words = suggestions.words.find(option);
  if (words == suggestions.words.end()) return;
  for (const auto& word : words->second) candidates.push_back({word, ""});
}

std::vector<Candidate> candidates_at(const Position& position, const std::string& begun,
                                     const Suggestions& suggestions, const Names& cached_names) {
  std::vector<Candidate> candidates;
  if (position.waiting != nullptr) {
    add_values(candidates, suggestions, position.waiting, cached_names);
  } else if (begun.starts_with('-')) {
    for (const auto* level : position.levels) add_options(candidates, *level);
  } else {
    add_commands(candidates, *position.command);
    add_values(candidates, suggestions, argument_at(position), cached_names);
  }
  return candidates;
}

std::size_t value_begins(const std::vector<std::string>& words) {
  const bool is_option = !words.empty() && words.back().starts_with("--");
  return is_option ? words.back().find('=') : std::string::npos;
}

std::vector<std::string> without_equals_signs(std::vector<std::string> words) {
  if (!words.empty() && words.back() == "=") words.push_back("");
  std::erase(words, "=");
  return words;
}

}  // namespace

std::vector<Candidate> complete(CommandLine& line, const std::vector<std::string>& given,
                                const std::function<std::vector<std::string>()>& cached_names) {
  // "--mode=a" is one word in most shells and three in bash.
  if (const auto equals = value_begins(given); equals != std::string::npos) {
    auto split = given;
    split.back() = given.back().substr(0, equals);
    split.push_back(given.back().substr(equals + 1));
    auto candidates = complete(line, split, cached_names);
    for (auto& candidate : candidates) {
      candidate.word.insert(0, given.back().substr(0, equals + 1));
    }
    return candidates;
  }
  const auto words = without_equals_signs(given);
  const std::string begun = words.empty() ? "" : words.back();
  auto candidates = candidates_at(walk(line.app(), words), begun, line.suggestions(), cached_names);
  std::erase_if(candidates,
                [&](const Candidate& candidate) { return !candidate.word.starts_with(begun); });
  std::vector<Candidate> unique;
  for (auto& candidate : candidates) {
    const auto is_same = [&](const Candidate& other) { return other.word == candidate.word; };
    if (std::ranges::none_of(unique, is_same)) unique.push_back(std::move(candidate));
  }
  return unique;
}

namespace {

constexpr std::size_t most_names = 500;
constexpr auto completion_patience = std::chrono::milliseconds(500);

std::filesystem::path control_in(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "--control") return words[i + 1];
  }
  return {};
}

// Nothing where there is no engine, or it does not tell this user.
std::vector<std::string> names_in_cache(const std::vector<std::string>& words) {
  std::vector<std::string> names;
  (void)ask_engine_for_lines(
      control_path(control_in(words)), {{"command", "cache-list"}, {"top", most_names}},
      [&](nlohmann::json&& entry) {
        const auto name = entry.value("name", std::string());
        if (!name.empty()) names.push_back(name);
      },
      completion_patience);
  return names;
}

/// Prints the candidates, one a line, `word<TAB>description`.
Result<ExitCode> run_complete(const std::vector<std::string>& words) {
  CommandLine line;
  std::string out;
  for (const auto& candidate : complete(line, words, [&] { return names_in_cache(words); })) {
    out += candidate.word + '\t' + candidate.description + '\n';
  }
  print(out);
  return ExitCode::done;
}

Result<ExitCode> run_completion(const std::string& shell) {
  print(shell == "bash" ? bash_completion : shell == "zsh" ? zsh_completion : fish_completion);
  return ExitCode::done;
}

Run declare(Arguments& arguments) {
  const auto shell = std::make_shared<std::string>();
  arguments.add_choice("shell", *shell, {"bash", "zsh", "fish"}, "SHELL", "bash, zsh or fish")
      ->required();
  return [shell](const Invocation&) { return run_completion(*shell); };
}

Run declare_complete(Arguments& arguments) {
  const auto words = std::make_shared<std::vector<std::string>>();
  arguments.add("words", *words, "WORD", "");
  return [words](const Invocation&) { return run_complete(*words); };
}

}  // namespace

extern const Command completion_command = {
    "completion", "Print the completion file for a shell",
    "dnscachectl completion bash > /etc/bash_completion.d/dnscachectl", declare};
extern const Command complete_command = {"__complete", "Candidates for a command line", nullptr,
                                         declare_complete};

}  // namespace dnscache::cli
