// Giving up what only the start needed.
#pragma once

#include <string>

#include "resolver/base/error.hpp"

namespace dnscache {

/// Becomes `user`, a name or a number, with its group alone and without capabilities; nothing that
/// is executed later can change that (PR_SET_NO_NEW_PRIVS). To be called by root, before other
/// threads run.
Result<void> drop_privileges(const std::string& user);

}  // namespace dnscache
