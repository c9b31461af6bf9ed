#include "cli/show/made_with.hpp"

#include <sys/utsname.h>

#include <fmt/format.h>
#include <fstream>

#include "resolver/base/version.hpp"

namespace dnscache::cli {

std::string made_with() {
  utsname machine{};
  (void)::uname(&machine);
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string command;
  for (std::string word; std::getline(file, word, '\0');) {
    const bool is_plain = word.find_first_of(" '\"{}*$;&|<>") == word.npos;
    command += (command.empty() ? "" : " ") + (is_plain ? word : "'" + word + "'");
  }
  return fmt::format("dnscachectl {} on {} ({} {}): {}", version(), machine.nodename,
                     machine.sysname, machine.release, command);
}

}  // namespace dnscache::cli
