#include "cli/commands/reload.hpp"

#include "cli/ask/control_client.hpp"
#include "cli/show/output.hpp"

namespace dnscache::cli {

namespace {

// Block lists of a million names, and trust anchors that are read anew, take their time.
constexpr std::chrono::seconds patience{30};

}  // namespace

Result<ExitCode> run_reload(const std::filesystem::path& control) {
  const auto reply = ask_engine(control_path(control), {{"command", "reload"}}, patience);
  if (reply) return ExitCode::done;
  const Error& error = reply.error();
  if (error.code == ExitCode::not_running || error.code == ExitCode::no_rights) return error;
  return Error{error.message + "\nthe old configuration stays in force", ExitCode::check_failed};
}

}  // namespace dnscache::cli
