#include "cli/setup.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fmt/format.h>
#include <iostream>

#include "cli/endpoints.hpp"
#include "cli/host/apply.hpp"
#include "cli/host/engine_process.hpp"
#include "cli/host/resolv_conf.hpp"
#include "cli/output.hpp"
#include "resolver/config/read.hpp"
#include "resolver/config/resolv_conf.hpp"
#include "resolver/config/text.hpp"
#include "resolver/config/values.hpp"

namespace dnscache::cli {

namespace {

constexpr const char* log_path = "/var/log/dnscachectl.log";
constexpr Patience verify_patience{.timeout_seconds = 2, .attempts = 3};

volatile sig_atomic_t signal_received = 0;

void note_signal(int signal) { signal_received = signal; }

bool is_interrupted() { return signal_received != 0; }

// From here on Ctrl-C and a shutdown mean: undo, then end.
void catch_signals() {
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
}

Result<void> check_rights(const std::filesystem::path& root, const char* command) {
  if (::geteuid() == 0 || !root.empty()) return {};
  return Error{fmt::format("only root may do this: sudo dnscachectl {}", command),
               ExitCode::no_rights};
}

Result<bool> confirm(bool is_confirmed, const char* question) {
  if (is_confirmed) return true;
  if (::isatty(STDIN_FILENO) == 0) {
    return Error{"nobody can be asked here; add --yes to go ahead, or --dry-run to look first",
                 ExitCode::usage};
  }
  std::cerr << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

EngineFiles engine_files(const std::filesystem::path& root) {
  EngineFiles files;
  files.config = below(root, default_config_path);
  const auto reading = read_config_file(files.config);
  files.control = reading ? reading.config.control : below(root, Config{}.control);
  files.log = below(root, log_path);
  return files;
}

Result<void> look_up(Result<StubResolver> resolver, const ProbeQuestion& question,
                     std::string_view where) {
  if (!resolver) return resolver.error();
  const auto lookup = resolver->ask(question.name, question.type);
  if (lookup.is_answer()) return {};
  return Error{
      fmt::format("looking up {} {} failed: {}", question.name, where, to_text(lookup.outcome))};
}

// Below --root nobody reads our resolv.conf, so its servers are asked instead.
Result<StubResolver> resolver_of(const std::filesystem::path& root) {
  if (root.empty()) return StubResolver::of_this_machine();
  const auto resolv_conf = FileState::read(below(root, resolv_conf_path));
  if (!resolv_conf) return resolv_conf.error();
  return StubResolver::with_servers(parse_resolv_conf(resolv_conf->content).nameservers);
}

Result<void> verify_system(const Plan& plan, const std::filesystem::path& root) {
  const auto control = engine_files(root).control;
  const auto former = engine_status(control);
  if (!former) return former.error();
  const auto found = look_up(resolver_of(root), plan.probe, "as every program does");
  if (!found) return found;
  const auto now = engine_status(control);
  if (!now) return now.error();
  if (now->queries > former->queries) return {};
  return Error{"lookups still do not reach the cache after /etc/resolv.conf was written"};
}

Actions real_actions(const Plan& plan, const std::filesystem::path& root) {
  Actions actions;
  actions.is_interrupted = is_interrupted;
  actions.start_engine = [root]() -> Result<void> {
    const auto started = start_engine(engine_files(root), is_interrupted);
    if (!started) return started.error();
    return {};
  };
  actions.stop_engine = [root] { return stop_engines(below(root, default_config_path)); };
  actions.verify_engine = [plan] {
    const Endpoint cache{plan.cache, dns_port};
    return look_up(StubResolver::with_servers({cache}, verify_patience), plan.probe,
                   "through the cache");
  };
  actions.verify_system = [plan, root] { return verify_system(plan, root); };
  return actions;
}

Actions actions_for_undo(const std::filesystem::path& root) {
  Actions actions;
  actions.stop_engine = [root] { return stop_engines(below(root, default_config_path)); };
  return actions;
}

// A run that was killed left a journal; the machine goes back to its last sane state first.
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

Result<PlanRequest> parse_request(const SetupOptions& options) {
  const auto upstreams = parse_upstreams(options.upstreams, "--upstream");
  if (!upstreams) return upstreams.error();
  const auto listen = parse_endpoints(options.listen, "--listen");
  if (!listen) return listen.error();
  return PlanRequest{options.root, *upstreams, *listen};
}

Result<Plan> make_plan(const PlanRequest& request, bool is_quiet) {
  Progress progress("looking at this machine and its upstreams", is_quiet);
  const auto facts = read_facts({request.root, request.upstreams, request.listen});
  if (!facts) return facts.error();
  return plan_setup(*facts, request);
}

void show_plan(const Plan& plan, bool is_json, const char* result) {
  if (is_json) {
    auto document = to_json(plan);
    document["schema"] = 1;
    document["result"] = result;
    print_json(document);
    return;
  }
  for (const auto& warning : plan.warnings) print_message("warning: " + warning);
  print(to_text(plan));
}

void show_step(const Step& step, const Terminal& terminal) {
  const auto word = step.is_change ? styled(terminal, Style::good, "done     ")
                                   : styled(terminal, Style::dim, "unchanged");
  print(fmt::format("{}  {}\n", word, step.text));
}

Error roll_back(Journal& journal, const SetupOptions& options, const Error& cause) {
  const auto undone =
      undo(journal, journal.committed(), options.root, actions_for_undo(options.root));
  if (!undone) {
    return {fmt::format("{}; undoing failed as well: {}; run 'dnscachectl remove' to try again",
                        cause.message, undone.error().message)};
  }
  if (!undone->kept.empty()) {
    return {fmt::format("{}; everything was undone but {}, which someone else changed meanwhile",
                        cause.message, join_words(undone->kept, "and"))};
  }
  return {cause.message + "; everything was undone", ExitCode::rolled_back};
}

Result<ExitCode> perform(const Plan& plan, Journal& journal, const SetupOptions& options) {
  auto actions = real_actions(plan, options.root);
  const auto terminal = Terminal::of(STDOUT_FILENO);
  if (!options.is_json) actions.on_done = [&](const Step& step) { show_step(step, terminal); };
  catch_signals();
  const auto applied = apply(plan, journal, options.root, actions);
  if (!applied) return roll_back(journal, options, applied.error());
  if (options.is_json) {
    show_plan(plan, true, "changed");
  } else {
    print(
        "Lookups on this machine go through the cache now. 'dnscachectl status' shows it, "
        "'dnscachectl remove' takes it back.\n");
  }
  return ExitCode::done;
}

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

std::string removal_plan(const Journal& journal) {
  std::string out = "Plan: take back what 'dnscachectl setup' did.\n";
  std::vector<std::string> seen;
  for (auto i = journal.entries().size(); i-- > 0;) {
    const auto& entry = journal.entries()[i];
    std::string text = "  would change  ";
    if (entry.kind == JournalEntry::Kind::engine) text += "stop the cache\n";
    if (entry.kind == JournalEntry::Kind::directory) {
      text += fmt::format("remove {} if it is empty\n", entry.path.string());
    }
    if (entry.kind == JournalEntry::Kind::file) {
      text += fmt::format("{} {}\n",
                          entry.before.kind == FileState::Kind::absent ? "remove" : "restore",
                          entry.path.string());
    }
    if (std::ranges::find(seen, text) == seen.end()) out += text;
    seen.push_back(text);
  }
  return out;
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
  for (const auto& path : undone.restored) print(fmt::format("done       {} is as it was\n", path));
  if (undone.was_engine_stopped) print("done       the cache was stopped\n");
  for (const auto& path : undone.removed) print(fmt::format("done       {} was removed\n", path));
}

// The originals of files that stay as someone else left them.
Result<std::vector<std::string>> save_originals(const std::filesystem::path& root,
                                                const std::vector<const JournalEntry*>& changed) {
  std::vector<std::string> copies;
  for (const auto* entry : changed) {
    if (entry->before.kind != FileState::Kind::regular) continue;
    const auto path = original_copy(root, *entry);
    if (const auto saved = write_state(path, entry->before); !saved) return saved.error();
    copies.push_back(path);
  }
  return copies;
}

Result<ExitCode> take_back(Journal& journal, const RemoveOptions& options) {
  const auto changed = changed_since(journal, options.root);
  if (!changed) return changed.error();
  const bool is_resolv_conf_changed = std::ranges::any_of(
      *changed, [](const JournalEntry* entry) { return entry->path == resolv_conf_path; });
  if (is_resolv_conf_changed && !options.is_forced && names_cache(options.root)) {
    return Error{
        "nothing was changed: /etc/resolv.conf was edited since setup and still names the "
        "cache first; name other servers there, or restore the original with --force"};
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
  if (!undone) return undone.error();
  (void)::unlink(below(options.root, log_path).c_str());
  (void)::rmdir(below(options.root, Config{}.control).parent_path().c_str());
  show_removal(*undone, options.is_json);
  if (undone->kept.empty()) return ExitCode::done;
  const auto kept = join_words(undone->kept, "and");
  return Error{copies.empty()
                   ? fmt::format("{} was changed since setup and is kept", kept)
                   : fmt::format("{} was changed since setup and is kept; what was there before "
                                 "setup is in {}",
                                 kept, join_words(copies, "and"))};
}

}  // namespace

Result<ExitCode> run_setup(const SetupOptions& options) {
  const auto request = parse_request(options);
  if (!request) return request.error();
  if (options.is_dry_run) {
    const auto plan = make_plan(*request, options.is_json);
    if (!plan) return plan.error();
    show_plan(*plan, options.is_json, plan->has_changes() ? "would change" : "unchanged");
    return ExitCode::done;
  }
  if (const auto allowed = check_rights(options.root, "setup"); !allowed) return allowed.error();
  if (const auto journal = Journal::peek(options.root); !journal) {
    return journal.error();
  } else if (journal->cut_off_at()) {
    auto locked = Journal::open(options.root);
    if (!locked) return locked.error();
    if (const auto undone = complete_undo(*locked, options.root); !undone) return undone.error();
  }
  const auto plan = make_plan(*request, options.is_json);
  if (!plan) return plan.error();
  if (!plan->has_changes()) {
    if (options.is_json) {
      show_plan(*plan, true, "unchanged");
    } else {
      print(fmt::format("unchanged: lookups on this machine go through the cache at {}\n",
                        plan->cache.to_text()));
    }
    return ExitCode::done;
  }
  if (!options.is_confirmed && !options.is_json) show_plan(*plan, false, "");
  const auto confirmed = confirm(options.is_confirmed, "Go ahead?");
  if (!confirmed) return confirmed.error();
  if (!*confirmed) return Error{"nothing was changed"};
  if (options.is_confirmed && !options.is_json) {
    for (const auto& warning : plan->warnings) print_message("warning: " + warning);
  }
  auto journal = Journal::open(options.root);
  if (!journal) return journal.error();
  return perform(*plan, *journal, options);
}

Result<ExitCode> run_remove(const RemoveOptions& options) {
  const auto peeked = Journal::peek(options.root);
  if (!peeked) return peeked.error();
  if (peeked->is_empty()) {
    if (options.is_json) {
      print_json({{"schema", 1}, {"result", "unchanged"}});
    } else {
      print("unchanged: 'dnscachectl setup' left nothing to take back\n");
    }
    return ExitCode::done;
  }
  if (options.is_dry_run) {
    print(removal_plan(*peeked));
    return ExitCode::done;
  }
  if (const auto allowed = check_rights(options.root, "remove"); !allowed) return allowed.error();
  if (!options.is_confirmed) print(removal_plan(*peeked));
  const auto confirmed = confirm(options.is_confirmed, "Go ahead?");
  if (!confirmed) return confirmed.error();
  if (!*confirmed) return Error{"nothing was changed"};
  auto journal = Journal::open(options.root);
  if (!journal) return journal.error();
  return take_back(*journal, options);
}

}  // namespace dnscache::cli
