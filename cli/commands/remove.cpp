// `dnscachectl remove`: stops the engine that setup started and restores what was there.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/host/remains.hpp"
#include "cli/host/resolv_conf.hpp"
#include "cli/host/systemd/plan.hpp"
#include "cli/host/systemd/unit_links.hpp"
#include "cli/host/undo.hpp"
#include "cli/show/confirm.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/text.hpp"
#include "resolver/config/read.hpp"
#include "resolver/config/resolv_conf.hpp"
#include "resolver/config/values.hpp"

namespace dnscache::cli {

namespace {

/// What `remove` was asked to do.
struct RemoveOptions {
  std::filesystem::path root;
  bool is_forced = false;
  bool is_purge = false;  ///< restore files even if someone changed them since
  bool is_dry_run = false;
  bool is_confirmed = false;
  bool is_json = false;
};

std::string original_copy(const std::filesystem::path& root, const JournalEntry& entry) {
  const auto directory = below(root, state_directory);
  return (directory / (entry.path.filename().string() + ".original")).string();
}

bool names_cache(const std::filesystem::path& root) {
  const auto resolv_conf = FileState::read(below(root, resolv_conf_path));
  if (!resolv_conf || resolv_conf->kind != FileState::Kind::regular) return false;
  const auto servers = parse_resolv_conf(resolv_conf->content).nameservers;
  if (servers.empty()) return false;
  const auto reading = read_config_file(below(root, default_config_path));
  return reaches_us(servers.front(), reading ? reading.config.listen : default_listen());
}

// Each thing that a removal would do, in its order.
std::vector<std::string> removal_steps(const std::vector<JournalEntry>& entries, bool is_purge) {
  std::vector<std::string> steps;
  for (auto i = entries.size(); i-- > 0;) {
    const auto& entry = entries[i];
    std::string text;
    if (entry.kind == JournalEntry::Kind::engine) text = "stop the cache";
    if (entry.kind == JournalEntry::Kind::started_unit) {
      text = fmt::format("stop {}", entry.path.string());
    }
    if (entry.kind == JournalEntry::Kind::enabled_units) {
      text = fmt::format("disable {}", join_words(entry.names, "and"));
    }
    if (entry.kind == JournalEntry::Kind::user) {
      text = fmt::format("remove the user {}", entry.path.string());
    }
    if (entry.kind == JournalEntry::Kind::link_servers) {
      text = fmt::format("ask the former servers for {}", entry.path.string());
    }
    if (entry.kind == JournalEntry::Kind::directory) {
      text = fmt::format("remove {} if it is empty", entry.path.string());
    }
    if (entry.kind == JournalEntry::Kind::file) {
      text =
          fmt::format("{} {}", entry.before.kind == FileState::Kind::absent ? "remove" : "restore",
                      entry.path.string());
    }
    if (std::ranges::find(steps, text) == steps.end()) steps.push_back(text);
  }
  if (is_purge) steps.push_back(fmt::format("remove {}", default_config_path));
  return steps;
}

void show_removal_plan(const std::vector<JournalEntry>& entries, const RemoveOptions& options) {
  const auto steps = removal_steps(entries, options.is_purge);
  if (options.is_json) {
    print_json({{"schema", 1}, {"result", "would change"}, {"steps", steps}});
    return;
  }
  print("Plan: take back what 'dnscachectl setup' did.\n");
  for (const auto& step : steps) print(fmt::format("  would change  {}\n", step));
}

void show_nothing_to_remove(bool is_json) {
  if (is_json) {
    print_json({{"schema", 1}, {"result", "unchanged"}});
  } else {
    print("unchanged: 'dnscachectl setup' left nothing to take back\n");
  }
}

// What belongs to the program alone, whoever wrote it.
Result<std::vector<std::string>> purge(const std::filesystem::path& root) {
  std::vector<std::string> removed;
  const std::filesystem::path config = default_config_path;
  std::error_code ignored;
  if (std::filesystem::exists(below(root, config), ignored)) {
    const auto done = write_state(below(root, config), FileState{});
    if (!done) return done.error();
    removed.push_back(config.string());
  }
  (void)::rmdir(below(root, config.parent_path()).c_str());
  (void)::unlink(below(root, log_path).c_str());
  for (const auto* directory : {"/var/cache/private/dnscachectl", "/var/cache/dnscachectl",
                                "/var/log/private/dnscachectl", "/var/log/dnscachectl"}) {
    if (std::filesystem::remove_all(below(root, directory), ignored) > 0 && !ignored) {
      removed.push_back(directory);
    }
  }
  return removed;
}

void show_removal(const Undone& undone, bool is_json) {
  if (is_json) {
    print_json({{"schema", 1},
                {"result", "changed"},
                {"engine_stopped", undone.was_engine_stopped},
                {"restored", undone.restored},
                {"removed", undone.removed},
                {"kept", undone.kept}});
    return;
  }
  for (const auto& link : undone.reverted) {
    print(fmt::format("done       {} has its own servers\n", link));
  }
  for (const auto& path : undone.restored) print(fmt::format("done       {} is as it was\n", path));
  if (undone.was_engine_stopped) print("done       the cache was stopped\n");
  for (const auto& path : undone.removed) print(fmt::format("done       {} was removed\n", path));
}

// The originals of files that stay as someone else left them.
Result<std::vector<std::string>> save_originals(const std::filesystem::path& root,
                                                const std::vector<JournalEntry>& changed) {
  std::vector<std::string> copies;
  for (const auto& entry : changed) {
    if (entry.before.kind != FileState::Kind::regular) continue;
    const auto path = original_copy(root, entry);
    if (const auto saved = write_state(path, entry.before); !saved) return saved.error();
    copies.push_back(path);
  }
  return copies;
}

// What would stop a removal half-way, seen before anything changes.
Result<void> check_removal(const Journal& journal, const std::filesystem::path& root) {
  bool has_units = false;
  for (const auto& entry : journal.entries()) {
    has_units = has_units || entry.kind == JournalEntry::Kind::started_unit ||
                entry.kind == JournalEntry::Kind::enabled_units;
    if (entry.kind != JournalEntry::Kind::file) continue;
    const auto path = below(root, entry.path);
    for (const auto& held : {path, path.parent_path()}) {
      if (!is_immutable(held)) continue;
      return Error{fmt::format("nothing was changed: {0} is immutable; allow changes with "
                               "'chattr -i {0}'",
                               held.string()),
                   ExitCode::no_rights};
    }
  }
  if (!has_units || !is_systemd_here(root)) return {};
  const auto bus = dbus::Bus::connect();
  if (bus) return {};
  return Error{"nothing was changed, because systemd cannot be asked: " + bus.error().message};
}

// Another program's line, such as a DHCP client's, may be ours by its own settings.
Result<void> take_cache_out(const std::filesystem::path& root) {
  const auto path = below(root, resolv_conf_path);
  auto state = FileState::read(path);
  if (!state) return state.error();
  const auto cache = parse_resolv_conf(state->content).nameservers.front().address;
  const auto text = without_cache_line(state->content, cache);
  if (!text) {
    return Error{
        "nothing was changed: /etc/resolv.conf was edited since setup and names the cache alone; "
        "name other servers there, or restore the original with --force"};
  }
  state->content = *text;
  state->modified = {};
  return write_state(path, *state);
}

Result<ExitCode> take_back(Journal& journal, const RemoveOptions& options) {
  if (const auto checked = check_removal(journal, options.root); !checked) return checked.error();
  const auto changed = changed_since(journal, options.root);
  if (!changed) return changed.error();
  const bool is_resolv_conf_changed = std::ranges::any_of(
      *changed, [](const JournalEntry& entry) { return entry.path == resolv_conf_path; });
  const bool has_line = is_resolv_conf_changed && !options.is_forced && names_cache(options.root);
  if (has_line) {
    if (const auto taken = take_cache_out(options.root); !taken) return taken.error();
  }
  std::vector<std::string> copies;
  if (!options.is_forced) {
    auto saved = save_originals(options.root, *changed);
    if (!saved) return saved.error();
    copies = std::move(*saved);
  }
  if (const auto begun = journal.begin_removal(); !begun) return begun.error();
  const auto overwrite = options.is_forced ? Overwrite::everything : Overwrite::nothing;
  const auto undone = undo(journal, 0, options.root, actions_for_undo(options.root), overwrite);
  if (!undone) {
    auto error = undone.error();
    error.message += "; the rest waits until 'dnscachectl remove' is run again";
    return error;
  }
  (void)::unlink(below(options.root, log_path).c_str());
  (void)::rmdir(below(options.root, Config{}.control).parent_path().c_str());
  auto result = *undone;
  if (options.is_purge) {
    const auto purged = purge(options.root);
    if (!purged) return purged.error();
    result.removed.insert(result.removed.end(), purged->begin(), purged->end());
    std::erase(result.kept, default_config_path);
  }
  if (has_line) {
    std::erase(result.kept, resolv_conf_path);
    print_message("/etc/resolv.conf was changed since setup; the cache's line was taken out");
  }
  show_removal(result, options.is_json);
  if (result.kept.empty()) return ExitCode::done;
  const auto kept = join_words(result.kept, "and");
  return Error{copies.empty()
                   ? fmt::format("{} was changed since setup and is kept", kept)
                   : fmt::format("{} was changed since setup and is kept; what was there before "
                                 "setup is in {}",
                                 kept, join_words(copies, "and"))};
}

// A setup whose journal is lost gets a new one, from what was found of it.
Result<void> note_remains(Journal& journal, const Remains& remains) {
  for (const auto& entry : remains.entries) {
    if (const auto noted = journal.append(entry); !noted) return noted;
  }
  return remains.entries.empty() ? Result<void>() : journal.commit();
}

void tell_remains(const Remains& remains) {
  std::vector<std::string> found = remains.altered;
  for (const auto& entry : remains.entries) {
    if (entry.kind == JournalEntry::Kind::file) found.push_back(entry.path.string());
  }
  if (found.empty()) return;
  print_message(
      fmt::format("the journal of setup is lost; what it did is known by name and content: {}",
                  join_words(found, "and")));
}

Result<ExitCode> purge_alone(const RemoveOptions& options) {
  const auto purged = purge(options.root);
  if (!purged) return purged.error();
  if (purged->empty()) {
    show_nothing_to_remove(options.is_json);
    return ExitCode::done;
  }
  Undone undone;
  undone.removed = *purged;
  show_removal(undone, options.is_json);
  return ExitCode::done;
}

Result<ExitCode> remove_recorded(const RemoveOptions& options, const Remains& remains) {
  auto journal = Journal::open(options.root);
  if (!journal) return journal.error();
  if (journal->is_empty()) {
    if (const auto noted = note_remains(*journal, remains); !noted) return noted.error();
  }
  if (!journal->is_empty()) {
    const auto taken = take_back(*journal, options);
    if (!taken || remains.altered.empty()) return taken;
    return Error{
        fmt::format("{} is not what setup writes and is kept; 'dnscachectl remove --force' "
                    "removes it",
                    join_words(remains.altered, "and"))};
  }
  (void)journal->remove();  // another run has completed it meanwhile
  if (options.is_purge) return purge_alone(options);
  show_nothing_to_remove(options.is_json);
  return ExitCode::done;
}

Result<ExitCode> run_remove(const RemoveOptions& options) {
  const auto peeked = Journal::peek(options.root);
  if (!peeked) return peeked.error();
  const auto remains =
      peeked->is_empty() ? find_remains(options.root, options.is_forced) : Remains{};
  if (peeked->is_empty() && remains.is_empty() && !options.is_purge) {
    show_nothing_to_remove(options.is_json);
    return ExitCode::done;
  }
  tell_remains(remains);
  const auto& entries = peeked->is_empty() ? remains.entries : peeked->entries();
  if (options.is_dry_run) {
    show_removal_plan(entries, options);
    return ExitCode::done;
  }
  if (const auto allowed = check_rights(options.root, "remove"); !allowed) return allowed.error();
  ::umask(022);
  if (!options.is_confirmed && !options.is_json) show_removal_plan(entries, options);
  const auto confirmed = confirm(options.is_confirmed, "Go ahead?");
  if (!confirmed) return confirmed.error();
  if (!*confirmed) return Error{"nothing was changed"};
  return remove_recorded(options, remains);
}

Run declare(Arguments& arguments) {
  const auto options = std::make_shared<RemoveOptions>();
  arguments.add_flag("--dry-run", options->is_dry_run,
                     "Show what would be done and change nothing");
  arguments.add_flag("-y,--yes", options->is_confirmed, "Do not ask for confirmation");
  arguments.add_flag("--force", options->is_forced, "Also restore files that were changed since");
  arguments.add_flag("--purge", options->is_purge,
                     "Also remove the configuration and the cache's files");
  arguments.add_json(options->is_json);
  return [options](const Invocation& invocation) {
    options->root = invocation.root;
    return run_remove(*options);
  };
}

}  // namespace

extern const Command remove_command = {"remove",
                                       "Stop the cache and restore the state before setup",
                                       "sudo dnscachectl remove --dry-run", declare};

}  // namespace dnscache::cli
