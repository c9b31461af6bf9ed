// `dnscachectl reload`: the running engine reads its configuration again.
#include <filesystem>

#include "cli/ask/control_client.hpp"
#include "cli/command.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/error.hpp"

namespace dnscache::cli {

namespace {

// Block lists of a million names, and trust anchors that are read anew, take their time.
constexpr std::chrono::seconds patience{30};

Result<ExitCode> run_reload(const std::filesystem::path& control) {
  const auto reply = ask_engine(control_path(control), {{"command", "reload"}}, patience);
  if (reply) return ExitCode::done;
  const Error& error = reply.error();
  if (error.code == ExitCode::not_running || error.code == ExitCode::no_rights) return error;
  return Error{error.message + "\nthe old configuration stays in force", ExitCode::check_failed};
}

Run declare(Arguments&) {
  return [](const Invocation& invocation) { return run_reload(invocation.control); };
}

}  // namespace

extern const Command reload_command = {"reload", "Apply changes of the configuration",
                                       "sudo dnscachectl reload", declare};

}  // namespace dnscache::cli
