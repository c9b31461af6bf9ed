#include "cli/host/system_user.hpp"

#include <pwd.h>
#include <shadow.h>

#include <cstdlib>
#include <fmt/format.h>
#include <sstream>

#include "cli/host/file_state.hpp"
#include "cli/host/journal.hpp"
#include "cli/host/tool.hpp"
#include "resolver/base/text_file.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* comment = "DNS cache (dnscachectl setup)";
constexpr const char* user_files[] = {"/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"};

bool is_of_user(std::string_view line) {
  return line.starts_with(system_user) &&
         line.substr(std::string_view(system_user).size(), 1) == ":";
}

std::string line_in(const fs::path& path) {
  const auto text = read_text_file(path);
  std::istringstream lines(text ? *text : "");
  for (std::string line; std::getline(lines, line);) {
    if (is_of_user(line)) return line;
  }
  return {};
}

std::string without_user(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    if (!is_of_user(line)) out += line + '\n';
  }
  return out;
}

Result<void> remove_line(const fs::path& path) {
  if (line_in(path).empty()) return {};
  auto state = FileState::read(path);
  if (!state) return state.error();
  if (state->kind != FileState::Kind::regular) return {};
  state->content = without_user(state->content);
  state->modified = {};
  return write_state(path, *state);
}

/// The lock of all programs that change users, lckpwdf(3).
class UserLock {
 public:
  explicit UserLock(const fs::path& root) : is_held_(root.empty() && ::lckpwdf() == 0) {}
  ~UserLock() {
    if (is_held_) ::ulckpwdf();
  }
  UserLock(const UserLock&) = delete;
  UserLock& operator=(const UserLock&) = delete;

 private:
  bool is_held_;
};

// nss-systemd(8) leaves such users out then, here and in programs that are started from here.
void hide_dynamic_users() { ::setenv("SYSTEMD_NSS_DYNAMIC_BYPASS", "1", 1); }

}  // namespace

bool has_system_user(const fs::path& root) {
  if (!root.empty()) return !line_in(below(root, "/etc/passwd")).empty();
  hide_dynamic_users();
  return ::getpwnam(system_user) != nullptr;
}

bool is_system_user_ours(const fs::path& root) {
  return line_in(below(root, "/etc/passwd")).find(comment) != std::string::npos;
}

Result<void> make_system_user(const fs::path& root) {
  if (has_system_user(root)) return {};
  hide_dynamic_users();
  std::vector<std::string> sysusers{"systemd-sysusers", "-"};
  if (!root.empty()) sysusers.insert(sysusers.begin() + 1, "--root=" + root.string());
  const auto made = run_tool(sysusers, fmt::format("u {} - \"{}\"\n", system_user, comment));
  if (made) return made;
  std::vector<std::string> useradd{
      "/usr/sbin/useradd", "--system", "--user-group", "--no-create-home",
      "--home-dir",        "/",        "--shell",      "/usr/sbin/nologin",
      "--comment",         comment,    system_user};
  if (!root.empty()) useradd.insert(useradd.begin() + 1, {"--root", root.string()});
  return run_tool(useradd) ? Result<void>() : made;
}

Result<void> remove_system_user(const fs::path& root) {
  const UserLock lock(root);
  for (const auto* path : user_files) {
    if (const auto removed = remove_line(below(root, path)); !removed) return removed;
  }
  return {};
}

}  // namespace dnscache::cli
