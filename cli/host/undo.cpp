#include "cli/host/undo.hpp"

#include "cli/host/systemd/actions.hpp"
#include "cli/show/output.hpp"

namespace dnscache::cli {

Actions actions_for_undo(const std::filesystem::path& root) {
  Actions actions;
  actions.stop_engine = [root] { return stop_engines(below(root, default_config_path)); };
  add_system_actions(actions, root);
  return actions;
}

Result<void> complete_undo(Journal& journal, const std::filesystem::path& root) {
  const auto first = journal.cut_off_at();
  if (!first) return {};
  print_message("an earlier run was cut off; undoing what it did first");
  const auto undone = undo(journal, *first, root, actions_for_undo(root));
  if (!undone) return undone.error();
  for (const auto& path : undone->kept) {
    print_message(path + " was changed since, so it is kept as it is");
  }
  return {};
}

}  // namespace dnscache::cli
