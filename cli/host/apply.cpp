#include "cli/host/apply.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>

#include "cli/host/labels.hpp"
#include "cli/host/systemd/plan.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;

JournalEntry entry_for(const Step& step) {
  JournalEntry entry;
  entry.path = step.path;
  entry.before = step.before;
  entry.after = step.after;
  entry.names = step.names;
  if (step.kind == Step::Kind::directory) entry.kind = JournalEntry::Kind::directory;
  if (step.kind == Step::Kind::start_engine) entry.kind = JournalEntry::Kind::engine;
  if (step.kind == Step::Kind::enable_units) entry.kind = JournalEntry::Kind::enabled_units;
  if (step.kind == Step::Kind::make_user) entry.kind = JournalEntry::Kind::user;
  if (step.kind == Step::Kind::start_unit) entry.kind = JournalEntry::Kind::started_unit;
  return entry;
}

// A verification changes nothing; what a restart or reload changes comes from files.
bool is_journaled(const Step& step) {
  switch (step.kind) {
    case Step::Kind::verify_engine:
    case Step::Kind::verify_system:
    case Step::Kind::reload_units:
    case Step::Kind::restart_unit:
      return false;
    default:
      return true;
  }
}

Result<void> make_directory(const fs::path& path) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
    return system_error("cannot make " + path.string(), errno);
  }
  restore_label(path);
  return {};
}

// The plan was made a moment ago; what changed under it must not be lost.
Result<void> write_file(const Step& step, const fs::path& root) {
  const auto path = below(root, step.path);
  const auto now = FileState::read(path);
  if (!now) return now.error();
  if (!now->has_same_content(step.before)) {
    return Error{fmt::format("{} was changed just now by someone else; try again", path.string())};
  }
  auto after = step.after;
  if (step.before.kind == FileState::Kind::regular) after.xattrs = step.before.xattrs;
  const auto written = write_state(path, after);
  if (written) restore_label(path, step.before);
  return written;
}

Result<void> perform(const Step& step, const fs::path& root, const Actions& actions) {
  switch (step.kind) {
    case Step::Kind::directory:
      return make_directory(below(root, step.path));
    case Step::Kind::file:
      return write_file(step, root);
    case Step::Kind::start_engine:
      return actions.start_engine();
    case Step::Kind::verify_engine:
      return actions.verify_engine();
    case Step::Kind::verify_system:
      return actions.verify_system();
    case Step::Kind::make_user:
    case Step::Kind::reload_units:
    case Step::Kind::enable_units:
    case Step::Kind::start_unit:
    case Step::Kind::restart_unit:
      return actions.perform_system(step);
  }
  return {};
}

bool has_same_metadata(const FileState& a, const FileState& b) {
  return a.mode == b.mode && a.uid == b.uid && a.gid == b.gid &&
         a.modified.tv_sec == b.modified.tv_sec && a.modified.tv_nsec == b.modified.tv_nsec;
}

// A write in place that a kill cut off leaves the beginning of what was being written.
bool is_cut_off(const FileState& now, const JournalEntry& entry) {
  if (now.kind != FileState::Kind::regular) return false;
  return entry.after.content.starts_with(now.content) ||
         (entry.before.kind == FileState::Kind::regular &&
          entry.before.content.starts_with(now.content));
}

/// All that happened to one path, or one entry that is no file.
struct Change {
  JournalEntry entry;                 ///< from what was first to what was last
  std::vector<FileState> in_between;  ///< of a file that setup wrote several times

  bool is_ours(const FileState& now, bool was_cut_off) const {
    const auto is_now = [&](const FileState& state) { return now.has_same_content(state); };
    return is_now(entry.after) || is_now(entry.before) || std::ranges::any_of(in_between, is_now) ||
           (was_cut_off && is_cut_off(now, entry));
  }
};

// A file that was not there before the first setup and is nobody's but ours: a unit or a drop-in.
bool is_ours_alone(const JournalEntry& first) {
  return first.before.kind == FileState::Kind::absent && first.path != resolv_conf_path;
}

// The entries from the last to `first`. A file that setup wrote again goes back to what was there
// before the first time, unless somebody else wrote it in between and it may be theirs.
std::vector<Change> changes_of(const Journal& journal, std::size_t first) {
  std::vector<Change> changes;
  for (auto i = journal.entries().size(); i-- > first;) {
    const auto& entry = journal.entries()[i];
    const auto later = std::ranges::find_if(changes, [&](const Change& change) {
      return change.entry.kind == entry.kind && change.entry.path == entry.path;
    });
    if (later == changes.end()) {
      changes.push_back({entry, {}});
    } else if (entry.kind != JournalEntry::Kind::file) {
      later->entry.names.insert(later->entry.names.end(), entry.names.begin(), entry.names.end());
      later->entry.servers = entry.servers;
    } else if (entry.after.has_same_content(later->entry.before) || is_ours_alone(entry)) {
      later->in_between.push_back(later->entry.before);
      later->entry.before = entry.before;
    }
  }
  // A later setup may have made the user of a service that runs since an earlier one.
  std::ranges::stable_partition(
      changes, [](const Change& change) { return change.entry.kind != JournalEntry::Kind::user; });
  return changes;
}

Result<void> undo_file(const Change& change, const fs::path& root, bool was_cut_off,
                       Overwrite overwrite, Undone& undone) {
  const auto& entry = change.entry;
  const auto path = below(root, entry.path);
  remove_half_written(path);
  const auto now = FileState::read(path);
  if (!now) return now.error();
  if (overwrite == Overwrite::nothing && !change.is_ours(*now, was_cut_off)) {
    undone.kept.push_back(entry.path.string());
    return {};
  }
  const bool is_as_before =
      now->has_same_content(entry.before) &&
      (now->kind == FileState::Kind::absent || has_same_metadata(*now, entry.before));
  if (is_as_before) return {};
  const auto written = write_state(path, entry.before);
  const bool was_absent = entry.before.kind == FileState::Kind::absent;
  if (written) (was_absent ? undone.removed : undone.restored).push_back(entry.path.string());
  return written;
}

// A file that someone put into our directory keeps it alive.
Result<void> undo_directory(const JournalEntry& entry, const fs::path& root) {
  const auto path = below(root, entry.path);
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return {};  // rmdir(2) on a read-only file system says EROFS
  if (::rmdir(path.c_str()) == 0) return {};
  if (errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST) return {};
  return system_error("cannot remove " + path.string(), errno);
}

Result<void> undo_change(const Change& change, const fs::path& root, const Actions& actions,
                         bool was_cut_off, Overwrite overwrite, Undone& undone) {
  const auto& entry = change.entry;
  switch (entry.kind) {
    case JournalEntry::Kind::directory:
      return undo_directory(entry, root);
    case JournalEntry::Kind::file: {
      const auto written = undo_file(change, root, was_cut_off, overwrite, undone);
      return written && actions.file_undone ? actions.file_undone(entry) : written;
    }
    case JournalEntry::Kind::engine: {
      const auto stopped = actions.stop_engine();
      undone.was_engine_stopped = bool(stopped);
      return stopped;
    }
    case JournalEntry::Kind::started_unit:
      undone.was_engine_stopped = bool(actions.unit_files_undone);  // not in a chroot
      return actions.undo_system(entry);
    case JournalEntry::Kind::link_servers:
      undone.reverted.push_back(entry.path.string());
      return actions.undo_system(entry);
    case JournalEntry::Kind::user:
      undone.removed.push_back(fmt::format("the user {}", entry.path.string()));
      return actions.undo_system(entry);
    case JournalEntry::Kind::enabled_units:
      return actions.undo_system(entry);
  }
  return {};
}

}  // namespace

Result<void> apply(const Plan& plan, Journal& journal, const fs::path& root,
                   const Actions& actions) {
  for (const auto& step : plan.steps) {
    if (step.is_change) {
      if (is_journaled(step)) {
        if (const auto noted = journal.append(entry_for(step)); !noted) return noted;
        actions.checkpoint();
      }
      if (const auto performed = perform(step, root, actions); !performed) return performed;
      actions.checkpoint();
    }
    actions.on_done(step);
    if (actions.is_interrupted()) return Error{"interrupted"};
  }
  return journal.commit();
}

Result<Undone> undo(Journal& journal, std::size_t first, const fs::path& root,
                    const Actions& actions, Overwrite overwrite) {
  const bool was_cut_off = journal.cut_off_at().has_value();
  Undone undone;
  bool has_unit_files = false;
  for (const auto& change : changes_of(journal, first)) {
    const auto done = undo_change(change, root, actions, was_cut_off, overwrite, undone);
    if (!done) return done.error();
    has_unit_files = has_unit_files || is_unit_file(change.entry.path);
    actions.checkpoint();
  }
  if (has_unit_files && actions.unit_files_undone) {
    if (const auto done = actions.unit_files_undone(); !done) return done.error();
  }
  const auto forgotten = first == 0 ? journal.remove() : journal.truncate(first);
  if (!forgotten) return forgotten.error();
  return undone;
}

Result<std::vector<JournalEntry>> changed_since(const Journal& journal, const fs::path& root) {
  std::vector<JournalEntry> changed;
  for (const auto& change : changes_of(journal, 0)) {
    if (change.entry.kind != JournalEntry::Kind::file) continue;
    const auto now = FileState::read(below(root, change.entry.path));
    if (!now) return now.error();
    if (!change.is_ours(*now, journal.cut_off_at().has_value())) changed.push_back(change.entry);
  }
  return changed;
}

}  // namespace dnscache::cli
