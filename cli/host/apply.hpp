// Performing a plan with a journal, and undoing it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/host/journal.hpp"
#include "cli/host/plan.hpp"

namespace dnscache::cli {

/// What steps do beyond files. Tests put their own in.
struct Actions {
  std::function<Result<void>()> start_engine;
  std::function<Result<void>()> stop_engine;  ///< the one that start_engine started, if any
  std::function<Result<void>()> verify_engine;
  std::function<Result<void>()> verify_system;
  // On a machine with systemd:
  std::function<Result<void>(const Step&)> perform_system;  ///< units and links
  std::function<Result<void>(const JournalEntry&)> undo_system;
  /// A file is as it was before: who reads it must read it again. Called again after a kill.
  std::function<Result<void>(const JournalEntry&)> file_undone;
  std::function<Result<void>()> unit_files_undone;
  std::function<bool()> is_interrupted = [] { return false; };
  std::function<void(const Step&)> on_done = [](const Step&) {};
  std::function<void()> checkpoint = [] {};  ///< between any two effects; tests kill there
};

/// Performs the steps that change something; each is in the journal before it is begun. After an
/// error the journal has what must be undone; after success it is committed.
Result<void> apply(const Plan& plan, Journal& journal, const std::filesystem::path& root,
                   const Actions& actions);

/// What undoing did.
struct Undone {
  std::vector<std::string> restored;  ///< paths that are as they were
  std::vector<std::string> removed;   ///< paths that are gone, as they were
  bool was_engine_stopped = false;
  std::vector<std::string> reverted;  ///< links that have their former servers
  std::vector<std::string> kept;      ///< paths that someone changed since
};

/// Which files may be overwritten although someone changed them since.
enum class Overwrite { nothing, everything };

/// Undoes the journal's entries from the last to `first` and forgets them. Safe to run again after
/// a kill at any moment.
Result<Undone> undo(Journal& journal, std::size_t first, const std::filesystem::path& root,
                    const Actions& actions, Overwrite overwrite = Overwrite::nothing);

/// The committed files that no longer hold what setup wrote, nor what was there before.
Result<std::vector<JournalEntry>> changed_since(const Journal& journal,
                                                const std::filesystem::path& root);

}  // namespace dnscache::cli
