#include "cli/commands/completion.hpp"

#include <CLI/Option.hpp>
#include <algorithm>
#include <chrono>

#include "cli/ask/control_client.hpp"
#include "cli/commands.hpp"
#include "cli/show/output.hpp"

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
  std::size_t arguments = 0;            ///< positional ones in front of the cursor
  std::vector<const CLI::App*> levels;  ///< the command and those above it
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

void add_positional_choices(std::vector<Candidate>& candidates, const CLI::App& command) {
  for (const auto* option : command.get_options()) {
    if (!option->get_positional()) continue;
    for (const auto& choice : choices_of(command, *option)) candidates.push_back({choice, ""});
  }
}

// "flush", "cache get" and "explain" are about one name, and it comes first.
bool expects_cached_name(const Position& position) {
  const auto& command = position.command->get_name();
  const bool takes_one =
      command == "flush" || command == "get" || command == "explain" || command == "query";
  return takes_one && position.arguments == 0;
}

std::vector<Candidate> candidates_at(const Position& position, const std::string& begun,
                                     const std::function<std::vector<std::string>()>& names) {
  std::vector<Candidate> candidates;
  if (position.waiting != nullptr) {
    for (const auto& choice : choices_of(*position.command, *position.waiting)) {
      candidates.push_back({choice, ""});
    }
  } else if (begun.starts_with('-')) {
    for (const auto* level : position.levels) add_options(candidates, *level);
  } else if (expects_cached_name(position)) {
    if (!names) return candidates;
    for (auto& name : names()) candidates.push_back({std::move(name), "in the cache"});
  } else {
    add_commands(candidates, *position.command);
    add_positional_choices(candidates, *position.command);
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

std::vector<Candidate> complete(CLI::App& app, const std::vector<std::string>& given,
                                const std::function<std::vector<std::string>()>& cached_names) {
  // "--mode=a" is one word in most shells and three in bash.
  if (const auto equals = value_begins(given); equals != std::string::npos) {
    auto split = given;
    split.back() = given.back().substr(0, equals);
    split.push_back(given.back().substr(equals + 1));
    auto candidates = complete(app, split, cached_names);
    for (auto& candidate : candidates) {
      candidate.word.insert(0, given.back().substr(0, equals + 1));
    }
    return candidates;
  }
  const auto words = without_equals_signs(given);
  const std::string begun = words.empty() ? "" : words.back();
  auto candidates = candidates_at(walk(app, words), begun, cached_names);
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

}  // namespace

Result<ExitCode> run_complete(const std::vector<std::string>& words) {
  Options ignored;
  const auto app = make_commands(ignored);
  std::string out;
  for (const auto& candidate : complete(*app, words, [&] { return names_in_cache(words); })) {
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
