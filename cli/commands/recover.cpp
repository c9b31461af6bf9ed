// `dnscachectl recover`: completes the undo of a setup that was cut off.
#include "cli/command.hpp"
#include "cli/host/undo.hpp"
#include "cli/show/confirm.hpp"
#include "cli/show/output.hpp"

namespace dnscache::cli {

namespace {

/// What `recover` was asked to do.
struct RecoverOptions {
  std::filesystem::path root;
  bool is_json = false;
};

Result<ExitCode> run_recover(const RecoverOptions& options) {
  if (const auto allowed = check_rights(options.root, "recover"); !allowed) return allowed.error();
  const auto peeked = Journal::peek(options.root);
  if (!peeked) return peeked.error();
  std::string result = "unchanged";
  if (!peeked->is_empty()) {
    auto journal = Journal::open(options.root);
    if (!journal) return journal.error();
    if (journal->is_empty()) (void)journal->remove();  // completed by another run meanwhile
    if (journal->is_removing()) {
      // Its failure was reported: what it left must not vanish behind the administrator's back.
      print_message("a removal is not finished; finish it with 'dnscachectl remove'");
      return ExitCode::done;
    }
    if (journal->cut_off_at()) {
      if (const auto undone = complete_undo(*journal, options.root); !undone) return undone.error();
      result = "undone";
    }
  }
  if (options.is_json) {
    print_json({{"schema", 1}, {"result", result}});
  } else if (result == "unchanged") {
    print("unchanged: no earlier run was cut off\n");
  } else {
    print("done: an earlier run that was cut off is undone\n");
  }
  return ExitCode::done;
}

Run declare(Arguments& arguments) {
  const auto options = std::make_shared<RecoverOptions>();
  arguments.add_json(options->is_json);
  return [options](const Invocation& invocation) {
    options->root = invocation.root;
    return run_recover(*options);
  };
}

}  // namespace

extern const Command recover_command = {"recover", "Undo an interrupted setup",
                                        "sudo dnscachectl recover", declare};

}  // namespace dnscache::cli
