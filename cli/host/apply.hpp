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
  std::vector<std::string> restored;  ///< paths and "the engine"
  std::vector<std::string> kept;      ///< paths that someone changed since
};

/// Which files may be overwritten although someone changed them since.
enum class Overwrite { nothing, everything };

/// Undoes the journal's entries from the last to `first` and forgets them. Of several entries for
/// one path the latest decides. Safe to run again after a kill at any moment.
Result<Undone> undo(Journal& journal, std::size_t first, const std::filesystem::path& root,
                    const Actions& actions, Overwrite overwrite = Overwrite::nothing);

/// The committed files that no longer hold what setup wrote, nor what was there before.
Result<std::vector<const JournalEntry*>> changed_since(const Journal& journal,
                                                       const std::filesystem::path& root);

}  // namespace dnscache::cli
