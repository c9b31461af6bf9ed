#include "cli/show/confirm.hpp"

#include <unistd.h>

#include <fmt/format.h>
#include <iostream>
#include <string>

#include "cli/show/output.hpp"

namespace dnscache::cli {

Result<void> check_rights(const std::filesystem::path& root, const char* command) {
  if (::geteuid() == 0 || !root.empty()) return {};
  return Error{fmt::format("only root may do this: sudo dnscachectl {}", command),
               ExitCode::no_rights};
}

Result<bool> confirm(bool is_confirmed, const char* question) {
  if (is_confirmed) return true;
  if (::isatty(STDIN_FILENO) == 0) {
    return Error{
        "not a terminal; use --yes to proceed without confirmation, or --dry-run to see the plan",
        ExitCode::usage};
  }
  print_error_text(std::string(question) + " [y/N] ");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace dnscache::cli
