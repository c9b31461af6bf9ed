// The command line of the program, made from the table of commands.
#pragma once

#include <CLI/App.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/command.hpp"

namespace dnscache::cli {

/// Parses one command line and runs its command.
class CommandLine {
 public:
  CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  CLI::App& app() { return *app_; }
  const Suggestions& suggestions() const { return suggestions_; }

  /// The words behind the program's name. Throws CLI::ParseError.
  void parse(std::vector<std::string> words);
  /// Runs the command that was parsed.
  Result<ExitCode> run() const;

  /// Cuts off what belongs to another program, see Command::ends_ours; empty for other commands.
  std::vector<std::string> take_after(std::vector<std::string>& words) const;
  bool is_quiet() const { return is_quiet_; }

 private:
  void add(const Command& command, const char* group);
  CLI::App& parent_of(std::string_view& name);

  std::unique_ptr<CLI::App> app_;
  Suggestions suggestions_;
  Invocation invocation_;
  bool is_quiet_ = false;
  std::map<const CLI::App*, Run> runs_;
  std::map<const CLI::App*, const Command*> commands_;
};

}  // namespace dnscache::cli
