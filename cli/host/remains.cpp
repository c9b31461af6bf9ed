#include "cli/host/remains.hpp"

#include <algorithm>
#include <optional>
#include <sstream>

#include "cli/host/plan.hpp"
#include "cli/host/resolv_conf.hpp"
#include "cli/host/source_resolvconf.hpp"
#include "cli/host/system_user.hpp"
#include "cli/host/systemd/plan.hpp"
#include "cli/host/systemd/unit_links.hpp"
#include "resolver/config/read.hpp"
#include "resolver/config/resolv_conf.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view drop_in_mark = "# Written by `dnscachectl setup`";

// Of version 0.1.0.
constexpr auto old_units = {"dnscachectl-recover.path", "dnscachectl-recover.service"};
constexpr std::string_view unit_mark = "\nDocumentation=man:dnscachectl(1)";

// A unit's lines but those that setup fills in.
std::string fixed_lines(std::string_view unit) {
  std::istringstream lines{std::string(unit)};
  std::string fixed;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("Exec") && !line.starts_with("Listen")) fixed += line + '\n';
  }
  return fixed;
}

JournalEntry file_entry(const fs::path& path, const FileState& now) {
  JournalEntry entry;
  entry.path = path;
  entry.after = now;
  return entry;
}

JournalEntry plain_entry(JournalEntry::Kind kind, const fs::path& path) {
  JournalEntry entry;
  entry.kind = kind;
  entry.path = path;
  return entry;
}

// As version 0.1.0 said it, and as it is said now.
constexpr std::pair<std::string_view, std::string_view> old_comments[] = {
    {"# The servers to ask are those that systemd-resolved lists for the links, as they change.\n",
     "# The servers to ask are those that this file names, which /etc/resolv.conf linked to.\n"},
    {"# The servers that this machine asked before; the fastest that answers is asked first.\n",
     "# The servers to ask; without this list they are the machine's own.\n"}};

std::string with_new_comments(std::string text) {
  for (const auto& [old, fresh] : old_comments) {
    if (const auto at = text.find(old); at != text.npos) text.replace(at, old.size(), fresh);
  }
  return text;
}

// The same values, written anew, give the same bytes.
bool is_initial(const std::string& original) {
  const auto text = with_new_comments(original);
  const auto reading = read_config(text, default_config_path);
  if (!reading) return false;
  const auto& config = reading.config;
  const auto listen = config.listen == default_listen() ? std::vector<Endpoint>{} : config.listen;
  const bool has_control = text.find("\ncontrol:") != text.npos;  // below --root, but for images
  const auto control = has_control ? config.control : fs::path();
  const auto from = config.upstreams.empty() && text.find("\nupstreams_from:") != text.npos
                        ? config.upstreams_from
                        : fs::path();
  return text == initial_config(config.upstreams, listen, control, config.routes, from);
}

std::vector<fs::path> drop_ins(const fs::path& root) {
  std::vector<fs::path> found{resolved_drop_in};
  std::error_code error;
  for (const auto& folder : fs::directory_iterator(below(root, "/etc/systemd/network"), error)) {
    if (folder.path().extension() != ".d") continue;
    found.push_back(fs::path("/etc/systemd/network") / folder.path().filename() /
                    fs::path(resolved_drop_in).filename());
  }
  return found;
}

/// Collects what is there, file by file.
class Search {
 public:
  Search(const fs::path& root, bool takes_altered) : root_(root), takes_altered_(takes_altered) {}

  Remains run() {
    find_config();
    find_user();
    find_units();
    find_drop_ins();
    find_settings();
    find_resolv_conf();
    // Units of a package may be enabled without a setup.
    const bool has_files = std::ranges::any_of(remains_.entries, [](const JournalEntry& entry) {
      return entry.kind == JournalEntry::Kind::file;
    });
    return has_files || !remains_.altered.empty() ? std::move(remains_) : Remains{};
  }

 private:
  std::optional<FileState> regular(const fs::path& path) const {
    auto state = FileState::read(below(root_, path));
    if (!state || state->kind != FileState::Kind::regular) return {};
    return std::move(*state);
  }

  void add_file(const fs::path& path, const FileState& now, bool is_as_written) {
    if (is_as_written || takes_altered_) {
      remains_.entries.push_back(file_entry(path, now));
    } else {
      remains_.altered.push_back(path.string());
    }
  }

  // What the administrator has written is theirs, and stays.
  void find_config() {
    const fs::path path = default_config_path;
    const auto now = regular(path);
    if (!now || !is_initial(now->content)) return;
    remains_.entries.push_back(plain_entry(JournalEntry::Kind::directory, path.parent_path()));
    remains_.entries.push_back(file_entry(path, *now));
  }

  void find_user() {
    if (!is_system_user_ours(root_)) return;
    remains_.entries.push_back(plain_entry(JournalEntry::Kind::user, system_user));
  }

  // The units of version 0.1.0 differ from today's.
  bool is_old_unit(const FileState& now) const {
    const bool is_old = std::ranges::any_of(old_units, [&](const char* name) {
      return regular(fs::path(unit_directory) / name).has_value();
    });
    return is_old && now.content.find(unit_mark) != std::string::npos;
  }

  void find_units() {
    std::vector<std::string> enabled;
    std::vector<std::string> there;
    for (const auto& unit : setup_units()) {
      const auto path = fs::path(unit_directory) / unit.name;
      const auto now = regular(path);
      has_units_ = has_units_ || now;
      const auto text = now ? fixed_lines(now->content) : std::string();
      if (now) add_file(path, *now, text == fixed_lines(unit.text) || is_old_unit(*now));
      if (now) there.emplace_back(unit.name);
      if (!links_to_unit(root_, unit.name).empty()) enabled.emplace_back(unit.name);
    }
    for (const auto* name : old_units) {
      const auto path = fs::path(unit_directory) / name;
      const auto now = regular(path);
      if (now) add_file(path, *now, now->content.find(unit_mark) != std::string::npos);
      if (now) there.emplace_back(name);
      if (!links_to_unit(root_, name).empty()) enabled.emplace_back(name);
    }
    has_units_ = has_units_ || !enabled.empty();
    if (!enabled.empty()) {
      remains_.entries.push_back(plain_entry(JournalEntry::Kind::enabled_units, "units"));
      remains_.entries.back().names = enabled;
    }
    for (const auto& name : enabled) {
      if (std::ranges::find(there, name) == there.end()) there.push_back(name);
    }
    for (const auto& name : there) {
      remains_.entries.push_back(plain_entry(JournalEntry::Kind::started_unit, name));
    }
  }

  void find_drop_ins() {
    bool is_old_version = false;
    for (const auto& path : drop_ins(root_)) {
      const auto now = regular(path);
      if (!now) continue;
      remains_.entries.push_back(plain_entry(JournalEntry::Kind::directory, path.parent_path()));
      add_file(path, *now, now->content.starts_with(drop_in_mark));
      is_old_version = is_old_version || is_network_drop_in(path);
    }
    if (is_old_version && root_.empty()) find_links();
  }

  // Version 0.1.0 also set their servers at run time; which ones, systemd-resolved knows.
  void find_links() {
    std::error_code error;
    for (const auto& link : fs::directory_iterator("/sys/class/net", error)) {
      const auto name = link.path().filename();
      if (name != "lo") {
        remains_.entries.push_back(plain_entry(JournalEntry::Kind::link_servers, name));
      }
    }
  }

  // A line of ours in another program's file.
  void find_settings() {
    for (const auto& path : setting_files()) {
      const auto now = regular(path);
      const auto former = now ? without_setting(now->content) : std::nullopt;
      if (!former) continue;
      auto entry = file_entry(path, *now);
      if (!former->empty()) {
        entry.before = *now;
        entry.before.content = *former;
        entry.before.modified = {};
      }
      remains_.entries.push_back(entry);
      has_settings_ = true;
    }
  }

  // dhclient writes the file as its own, with the server that our line puts first.
  std::optional<std::string> without_our_server(const FileState& now) const {
    if (auto former = without_cache(now.content)) return former;
    const auto servers = parse_resolv_conf(now.content).nameservers;
    if (!has_settings_ || servers.empty() || !servers.front().address.is_loopback()) return {};
    return without_cache_line(now.content, servers.front().address);
  }

  void find_resolv_conf() {
    const auto now = regular(resolv_conf_path);
    const auto former = now ? without_our_server(*now) : std::nullopt;
    if (!former) return;
    // Where no unit runs the engine, setup started it itself, before it wrote this file.
    if (!has_units_) {
      remains_.entries.push_back(plain_entry(JournalEntry::Kind::engine, default_config_path));
    }
    auto entry = file_entry(resolv_conf_path, *now);
    entry.before = *now;
    entry.before.content = *former;
    entry.before.modified = {};
    remains_.entries.push_back(entry);
  }

  fs::path root_;
  bool takes_altered_;
  bool has_units_ = false;
  bool has_settings_ = false;
  Remains remains_;
};

}  // namespace

std::optional<std::string> without_cache(std::string_view resolv_conf) {
  if (!resolv_conf.starts_with(resolv_conf_mark)) return {};
  std::istringstream lines{std::string(resolv_conf)};
  std::string former;
  int comments = 2;
  bool has_cache = true;
  for (std::string line; std::getline(lines, line);) {
    if (comments > 0 && line.starts_with('#')) {
      --comments;
    } else if (has_cache && line.starts_with("nameserver")) {
      has_cache = false;
    } else {
      former += line + '\n';
    }
  }
  return former;
}

Remains find_remains(const fs::path& root, bool takes_altered) {
  return Search(root, takes_altered).run();
}

}  // namespace dnscache::cli
