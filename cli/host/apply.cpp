#include "cli/host/apply.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <set>

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;

JournalEntry entry_for(const Step& step) {
  JournalEntry entry;
  entry.path = step.path;
  entry.before = step.before;
  entry.after = step.after;
  if (step.kind == Step::Kind::directory) entry.kind = JournalEntry::Kind::directory;
  if (step.kind == Step::Kind::start_engine) entry.kind = JournalEntry::Kind::engine;
  return entry;
}

bool is_journaled(const Step& step) {
  return step.kind != Step::Kind::verify_engine && step.kind != Step::Kind::verify_system;
}

Result<void> make_directory(const fs::path& path) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
    return system_error("cannot make " + path.string(), errno);
  }
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
  return write_state(path, step.after);
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

bool is_ours(const FileState& now, const JournalEntry& entry, bool was_cut_off) {
  return now.has_same_content(entry.after) || now.has_same_content(entry.before) ||
         (was_cut_off && is_cut_off(now, entry));
}

Result<void> undo_file(const JournalEntry& entry, const fs::path& root, bool was_cut_off,
                       Overwrite overwrite, Undone& undone) {
  const auto path = below(root, entry.path);
  const auto now = FileState::read(path);
  if (!now) return now.error();
  if (overwrite == Overwrite::nothing && !is_ours(*now, entry, was_cut_off)) {
    undone.kept.push_back(entry.path.string());
    return {};
  }
  const bool is_as_before =
      now->has_same_content(entry.before) &&
      (now->kind == FileState::Kind::absent || has_same_metadata(*now, entry.before));
  if (is_as_before) return {};
  const auto written = write_state(path, entry.before);
  if (written) undone.restored.push_back(entry.path.string());
  return written;
}

// A file that someone put into our directory keeps it alive.
Result<void> undo_directory(const JournalEntry& entry, const fs::path& root) {
  const auto path = below(root, entry.path);
  if (::rmdir(path.c_str()) == 0) return {};
  if (errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST) return {};
  return system_error("cannot remove " + path.string(), errno);
}

Result<void> undo_entry(const JournalEntry& entry, const fs::path& root, const Actions& actions,
                        bool was_cut_off, Overwrite overwrite, Undone& undone) {
  switch (entry.kind) {
    case JournalEntry::Kind::directory:
      return undo_directory(entry, root);
    case JournalEntry::Kind::file:
      return undo_file(entry, root, was_cut_off, overwrite, undone);
    case JournalEntry::Kind::engine: {
      const auto stopped = actions.stop_engine();
      if (stopped) undone.restored.push_back("the engine");
      return stopped;
    }
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
  std::set<std::pair<JournalEntry::Kind, fs::path>> seen;
  for (auto i = journal.entries().size(); i-- > first;) {
    const auto& entry = journal.entries()[i];
    if (!seen.emplace(entry.kind, entry.path).second) continue;
    const auto done = undo_entry(entry, root, actions, was_cut_off, overwrite, undone);
    if (!done) return done.error();
    actions.checkpoint();
  }
  const auto forgotten = first == 0 ? journal.remove() : journal.truncate(first);
  if (!forgotten) return forgotten.error();
  return undone;
}

Result<std::vector<const JournalEntry*>> changed_since(const Journal& journal,
                                                       const fs::path& root) {
  std::vector<const JournalEntry*> changed;
  std::set<fs::path> seen;
  for (auto i = journal.entries().size(); i-- > 0;) {
    const auto& entry = journal.entries()[i];
    if (entry.kind != JournalEntry::Kind::file || !seen.insert(entry.path).second) continue;
    const auto now = FileState::read(below(root, entry.path));
    if (!now) return now.error();
    if (!is_ours(*now, entry, journal.cut_off_at().has_value())) changed.push_back(&entry);
  }
  return changed;
}

}  // namespace dnscache::cli
