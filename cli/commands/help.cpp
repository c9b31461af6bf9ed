// `dnscachectl help` and `version`, which main() reads as --help and --version.
#include "cli/command_line.hpp"
#include "cli/show/output.hpp"

namespace dnscache::cli {

namespace {

Run declare_help(Arguments&) {
  return [](const Invocation&) -> Result<ExitCode> {
    print(CommandLine().app().help());
    return ExitCode::done;
  };
}

Run declare_version(Arguments&) {
  return [](const Invocation&) -> Result<ExitCode> {
    print(CommandLine().app().version() + '\n');
    return ExitCode::done;
  };
}

}  // namespace

extern const Command help_command = {"help", "Print the help of a command",
                                     "dnscachectl help cache list", declare_help};
extern const Command version_command = {"version", "Print the version", "dnscachectl version",
                                        declare_version};

}  // namespace dnscache::cli
