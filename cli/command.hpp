// One command of the program: its name, its help, what it takes and what it does.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What a command line says before and behind a command's own options.
struct Invocation {
  std::filesystem::path root;      ///< --root, hidden: for tests
  std::filesystem::path control;   ///< --control; empty: what the configuration says
  std::vector<std::string> after;  ///< another program's command line, see Command::ends_ours
};

/// Runs a command that was parsed.
using Run = std::function<Result<ExitCode>(const Invocation&)>;

/// What the shell can suggest as the value of an option or argument.
struct Suggestions {
  std::map<const CLI::Option*, std::vector<std::string>> words;
  std::set<const CLI::Option*> cached_names;  ///< a name, such as one that is in the cache
};

/// One of these words; the error has the one that was probably meant.
CLI::Validator one_of(std::vector<std::string> words);

/// Where a command declares its options and arguments.
class Arguments {
 public:
  Arguments(CLI::App& app, Suggestions& suggestions) : app_(app), suggestions_(suggestions) {}

  /// An option, or an argument if `name` has no dashes.
  template <class T>
  CLI::Option* add(const std::string& name, T& value, const std::string& type,
                   const std::string& help) {
    return app_.add_option(name, value, help)->type_name(type);
  }
  CLI::Option* add_flag(const std::string& name, bool& value, const std::string& help);
  CLI::Option* add_json(bool& is_json);
  /// --watch, which nobody can combine with --json.
  void add_watch_and_json(bool& is_watching, bool& is_json);
  /// One of these words, or for a list several of them.
  template <class T>
  CLI::Option* add_choice(const std::string& name, T& value, const std::vector<std::string>& words,
                          const std::string& type, const std::string& help) {
    return suggest(add(name, value, type, help)->check(one_of(words)), words);
  }
  /// Written "a,b" or by repeating the option, so that "NAME..." behind it stays free.
  CLI::Option* add_list(const std::string& name, std::vector<std::string>& values,
                        const std::string& type, const std::string& help);
  /// --route ZONE=ADDRESS,...
  void add_routes(std::vector<std::string>& routes);
  CLI::Option* add_record_type(const std::string& name, std::string& value,
                               const std::string& help);
  /// A name, of which the cache may have many.
  CLI::Option* add_name(const std::string& name, std::string& value, const std::string& help);
  /// Words that the shell suggests, beside whatever else the value may be.
  CLI::Option* suggest(CLI::Option* option, const std::vector<std::string>& words);

  /// Record types to suggest.
  static const std::vector<std::string>& common_types();

 private:
  CLI::App& app_;
  Suggestions& suggestions_;
};

/// Limits of a number, without CLI11's "UINT in [1 - 256]" in the help.
CLI::Validator between(std::uint32_t low, std::uint32_t high);
/// "90", "90s" or "2m", which become seconds, as in the configuration.
CLI::Validator seconds_between(std::uint32_t low, std::uint32_t high);

/// A row of the table of commands.
struct Command {
  const char* name;     ///< "cache list" is a command below "cache"
  const char* help;     ///< one sentence, imperative
  const char* example;  ///< a command line for its --help; null: none
  /// Declares what it takes and returns what runs it; null for a command that only has others
  /// below it.
  Run (*declare)(Arguments& arguments);
  /// From its first argument on, the command line is another program's.
  bool ends_ours = false;
};

/// Commands that stand together in the help.
struct CommandGroup {
  const char* title;  ///< empty: they are hidden
  std::vector<const Command*> commands;
};

/// All commands, in the order of the help.
const std::vector<CommandGroup>& command_groups();

}  // namespace dnscache::cli
