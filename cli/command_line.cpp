#include "cli/command_line.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>

#include "resolver/base/version.hpp"
#include "resolver/dnssec/validator.hpp"

namespace dnscache::cli {

namespace {

std::unique_ptr<CLI::App> make_app() {
  auto app = std::make_unique<CLI::App>(
      "A caching DNS resolver for this machine: cached lookups take microseconds, and a dead name "
      "server does not delay the others.",
      "dnscachectl");
  app->set_version_flag("-V,--version",
                        std::string("dnscachectl ") + version() + "\ndnssec: " + dnssec_support());
  app->set_help_flag("-h,--help", "Show this help");
  app->require_subcommand(1);
  app->fallthrough();
  app->get_formatter()->column_width(34);
  app->get_formatter()->label("SUBCOMMAND", "COMMAND");
  app->get_formatter()->label("Subcommands", "Commands");
  app->get_formatter()->label("REQUIRED", "");
  app->footer(
      "Run 'dnscachectl COMMAND --help' for the options of a command; see also dnscachectl(1).");
  return app;
}

const CLI::App& innermost(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? app : innermost(*parsed.front());
}

}  // namespace

CommandLine::CommandLine() : app_(make_app()) {
  app_->add_option("--control", invocation_.control, "Control socket of the engine")
      ->type_name("PATH");
  app_->add_flag("-q,--quiet", is_quiet_, "Print no messages other than errors");
  app_->add_option("--root", invocation_.root)->group("");
  for (const auto& group : command_groups()) {
    for (const auto* command : group.commands) add(*command, group.title);
  }
}

// "cache list": the command `list` of the command `cache`, whose row comes before.
CLI::App& CommandLine::parent_of(std::string_view& name) {
  const auto space = name.find(' ');
  if (space == name.npos) return *app_;
  auto& parent = *app_->get_subcommand(std::string(name.substr(0, space)));
  name.remove_prefix(space + 1);
  return parent;
}

void CommandLine::add(const Command& command, const char* group) {
  std::string_view name = command.name;
  auto& parent = parent_of(name);
  auto& app = *parent.add_subcommand(std::string(name), command.help);
  if (&parent == app_.get()) app.group(group);
  if (command.example != nullptr) app.footer(std::string("Example: ") + command.example);
  commands_[&app] = &command;
  if (command.declare == nullptr) {
    app.require_subcommand(1);
    return;
  }
  Arguments arguments(app, suggestions_);
  runs_[&app] = command.declare(arguments);
}

void CommandLine::parse(std::vector<std::string> words) {
  invocation_.after = take_after(words);
  std::ranges::reverse(words);  // CLI11 takes them from the end
  app_->parse(std::move(words));
}

Result<ExitCode> CommandLine::run() const { return runs_.at(&innermost(*app_))(invocation_); }

std::vector<std::string> CommandLine::take_after(std::vector<std::string>& words) const {
  const CLI::App* command = app_.get();
  const auto takes_value = [&](const std::string& word) {
    const auto* option = command->get_option_no_throw(word);
    if (option == nullptr) option = app_->get_option_no_throw(word);
    return option != nullptr && option->get_items_expected_max() > 0;
  };
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool is_option = words[i].starts_with('-') && words[i] != "--";
    if (is_option) {
      if (takes_value(words[i])) ++i;
    } else if (command == app_.get()) {
      const auto is_named = [&](const auto& entry) {
        return entry.second->ends_ours && entry.first->get_name() == words[i];
      };
      const auto found = std::ranges::find_if(commands_, is_named);
      if (found == commands_.end()) return {};
      command = found->first;
    } else {
      const auto end = words.begin() + static_cast<std::ptrdiff_t>(i);
      std::vector<std::string> after(words[i] == "--" ? end + 1 : end, words.end());
      words.erase(end, words.end());
      return after;
    }
  }
  return {};
}

}  // namespace dnscache::cli
