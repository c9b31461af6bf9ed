#include "resolver/server/privileges.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <optional>

namespace dnscache {
namespace {

struct Ids {
  uid_t user;
  gid_t group;
};

std::optional<Ids> ids_of(const std::string& user) {
  uid_t number = 0;
  const char* const end = user.data() + user.size();
  const auto parsed = std::from_chars(user.data(), end, number);
  if (parsed.ec == std::errc{} && parsed.ptr == end) return Ids{number, number};
  const passwd* entry = ::getpwnam(user.c_str());
  if (entry == nullptr) return std::nullopt;
  return Ids{entry->pw_uid, entry->pw_gid};
}

}  // namespace

Result<void> drop_privileges(const std::string& user) {
  const auto ids = ids_of(user);
  if (!ids) return Error{"--user " + user + ": there is no such user", ExitCode::usage};
  if (ids->user == ::geteuid()) return {};
  if (::geteuid() != 0) {
    return Error{"--user " + user + ": only root can become another user", ExitCode::no_rights};
  }
  // The kernel forgets it with the change, and whoever started us may count on it (prctl(2)).
  int signal_of_parent_death = 0;
  ::prctl(PR_GET_PDEATHSIG, &signal_of_parent_death, 0, 0, 0);
  const gid_t group = ids->group;
  if (::setgroups(1, &group) != 0 || ::setresgid(group, group, group) != 0 ||
      ::setresuid(ids->user, ids->user, ids->user) != 0 ||
      ::prctl(PR_SET_PDEATHSIG, signal_of_parent_death, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return system_error("--user " + user + ": cannot become that user", errno);
  }
  return {};
}

}  // namespace dnscache
