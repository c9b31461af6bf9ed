#include "resolver/base/error.hpp"

#include <cerrno>
#include <system_error>

namespace dnscache {

std::string errno_text(int error_number) { return std::generic_category().message(error_number); }

Error system_error(std::string_view what, int error_number) {
  const bool rights = error_number == EACCES || error_number == EPERM;
  return {std::string(what) + ": " + errno_text(error_number),
          rights ? ExitCode::no_rights : ExitCode::failure};
}

}  // namespace dnscache
