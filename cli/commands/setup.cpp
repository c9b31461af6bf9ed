#include "cli/commands/setup.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fmt/format.h>
#include <iostream>
#include <sstream>

#include "cli/follow/read.hpp"
#include "cli/host/apply.hpp"
#include "cli/host/engine_process.hpp"
#include "cli/host/image.hpp"
#include "cli/host/lookup_check.hpp"
#include "cli/host/remains.hpp"
#include "cli/host/resolv_conf.hpp"
#include "cli/host/route_check.hpp"
#include "cli/host/systemd/actions.hpp"
#include "cli/host/systemd/plan.hpp"
#include "cli/host/systemd/unit_links.hpp"
#include "cli/import/import.hpp"
#include "cli/import/programs.hpp"
#include "cli/settings/endpoints.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/text.hpp"
#include "resolver/config/read.hpp"
#include "resolver/config/resolv_conf.hpp"
#include "resolver/config/values.hpp"

namespace dnscache::cli {

namespace {

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
  print_error_text(std::string(question) + " [y/N] ");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
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

/// Who was asked for what before anything changed.
struct Before {
  ServerReading machine;
  std::vector<std::string> answered_zones;
};

// Where the configuration names the servers, systemd-resolved may read ours from our own file.
std::vector<RouteFault> find_faults(const Plan& plan, const Before& before,
                                    const std::filesystem::path& control) {
  auto faults = check_routes(control);
  if (!faults.empty() || !plan.keeps_servers) return faults;
  return check_machine(control, before.machine);
}

// Nobody may be asked for a name who would not have been asked for it before.
Result<void> verify_routes(const Plan& plan, const Before& before,
                           const std::filesystem::path& control) {
  const auto faults = find_faults(plan, before, control);
  if (!faults.empty()) return Error{faults.front().text};
  const auto lost = unanswered_zones(before.answered_zones);
  if (lost.empty()) return {};
  return Error{fmt::format("names in {} are not answered any more", join_words(lost, "and"))};
}

Result<void> verify_system(const Plan& plan, const Before& before,
                           const std::filesystem::path& root) {
  const auto control = engine_files(root).control;
  auto resolver = resolver_of(root);
  if (!resolver) return resolver.error();
  if (const auto checked = check_way_of_glibc(*resolver, control); !checked) {
    return checked;
  }
  if (plan.asks_resolved) {
    if (const auto checked = check_way_of_resolved(control); !checked) return checked;
  }
  return root.empty() ? verify_routes(plan, before, control) : Result<void>();
}

Actions real_actions(const Plan& plan, const Before& before, const std::filesystem::path& root) {
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
  actions.verify_system = [plan, before, root] { return verify_system(plan, before, root); };
  add_system_actions(actions, root);
  if (plan.is_image) add_image_actions(actions, root);
  return actions;
}

Actions actions_for_undo(const std::filesystem::path& root) {
  Actions actions;
  actions.stop_engine = [root] { return stop_engines(below(root, default_config_path)); };
  add_system_actions(actions, root);
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

// The configuration is another program's, translated; what the command line says as well would
// contradict it.
Result<void> add_import(const SetupOptions& options, PlanRequest& request) {
  if (!options.upstreams.empty() || !options.listen.empty() || !options.routes.empty()) {
    return Error{
        "--import takes everything from the file; leave out --upstream, --listen and --route",
        ExitCode::usage};
  }
  const auto import = import_file(options.import_file, std::nullopt, std::nullopt, real_files());
  if (!import) return import.error();
  if (!options.is_json) {
    std::ostringstream lines;
    print_lines(*import, {}, lines);
    print_error_text(lines.str());
  }
  if (!import->block_list.empty()) {
    return Error{options.import_file.string() +
                 ": blocks names, which go into a file of their own: run 'dnscachectl import " +
                 options.import_file.string() + " --output " + default_config_path +
                 "', then 'dnscachectl setup'"};
  }
  Config config = import->config;
  if (config.upstreams.empty() && !request.is_image) {
    const auto servers = read_servers(source_of(config)).servers;
    if (servers.upstreams.empty()) {
      return Error{servers.problem + "; name servers in the file: server=ADDRESS"};
    }
    config.upstreams = servers.upstreams;
  }
  request.upstreams = config.upstreams;
  request.listen = config.listen;
  request.imported = import->config;
  request.imported_text = imported_config(*import, options.import_file);
  if (!options.root.empty() && !request.is_image) {
    request.imported->control = below(options.root, Config{}.control);
    request.imported_text += fmt::format("control: \"{}\"\n", request.imported->control.string());
  }
  const auto reading = read_config(request.imported_text, options.import_file.string());
  if (!reading) return Error{reading.problems.front().to_text(), ExitCode::check_failed};
  return {};
}

// Version 0.1.0 changed each link's servers, and units of its own kept them so.
bool is_of_old_version(const Journal& journal) {
  return std::ranges::any_of(journal.entries(), [](const JournalEntry& entry) {
    return entry.kind == JournalEntry::Kind::link_servers || is_network_drop_in(entry.path) ||
           entry.path.filename().string().starts_with("dnscachectl-recover.");
  });
}

Result<void> undo_old_version(const std::filesystem::path& root) {
  auto journal = Journal::open(root);
  if (!journal) return journal.error();
  if (!is_of_old_version(*journal)) return {};
  print_message("this machine was set up by an older version; taking that back first");
  if (const auto begun = journal->begin_removal(); !begun) return begun.error();
  const auto undone = undo(*journal, 0, root, actions_for_undo(root));
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
  PlanRequest request{options.root, *upstreams, *listen, {}, Mode::automatic};
  for (const auto& text : options.routes) {
    auto route = parse_route(text);
    if (!route) return route.error();
    request.routes.push_back(std::move(*route));
  }
  const auto mode = parse_mode(options.mode);
  if (!mode) {
    return Error{"--mode is auto, link, resolved, manager or resolv-conf", ExitCode::usage};
  }
  request.mode = *mode;
  // A chroot's systemd does not run: its files are those of another machine, as a rule an image.
  const bool is_unbooted_chroot = options.root.empty() && request.mode == Mode::automatic &&
                                  is_in_chroot() && boots_with_systemd({});
  request.is_image = options.is_image || is_unbooted_chroot;
  if (!options.import_file.empty()) {
    if (const auto imported = add_import(options, request); !imported) return imported.error();
  }
  return request;
}

Result<Facts> look_around(const PlanRequest& request, bool is_quiet) {
  Progress progress("looking at this machine and its upstreams", is_quiet);
  return read_facts({request.root, request.upstreams, request.listen, request.is_image});
}

void show_plan(const Plan& plan, bool is_json, const char* result) {
  if (is_json) {
    auto document = to_json(plan);
    const auto changed = std::ranges::count_if(plan.steps, &Step::is_change);
    document["schema"] = 1;
    document["result"] = result;
    document["changed"] = changed;
    document["unchanged"] = static_cast<std::ptrdiff_t>(plan.steps.size()) - changed;
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

Result<ExitCode> perform(const Plan& plan, const ServerReading& machine, Journal& journal,
                         const SetupOptions& options) {
  const Before before{
      machine, options.root.empty() ? answered_zones(machine.servers) : std::vector<std::string>{}};
  auto actions = real_actions(plan, before, options.root);
  const auto terminal = Terminal::of(STDOUT_FILENO);
  if (!options.is_json) actions.on_done = [&](const Step& step) { show_step(step, terminal); };
  catch_signals();
  const auto applied = apply(plan, journal, options.root, actions);
  if (!applied) return roll_back(journal, options, applied.error());
  if (options.is_json) {
    show_plan(plan, true, "changed");
  } else {
    const auto changed = std::ranges::count_if(plan.steps, &Step::is_change);
    print(fmt::format(
        "changed={} unchanged={}\n{}\n", changed,
        static_cast<std::ptrdiff_t>(plan.steps.size()) - changed,
        plan.is_image ? "The first boot of this image makes the cache its first DNS server."
                      : "Lookups on this machine go through the cache now. 'dnscachectl status' "
                        "shows it, 'dnscachectl remove' takes it back."));
  }
  return options.has_detailed_code ? ExitCode::would_change : ExitCode::done;
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
  return Error{"nothing was changed, because systemd can't be asked: " + bus.error().message};
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

// --dry-run and --explain.
Result<ExitCode> look_only(const PlanRequest& request, const SetupOptions& options) {
  const auto facts = look_around(request, options.is_json);
  if (!facts) return facts.error();
  const auto plan = plan_setup(*facts, request);
  if (options.is_explained && !options.is_json) print(to_text(*facts));
  if (!plan) return plan.error();
  if (options.is_json) {
    auto document = to_json(*plan);
    document["schema"] = 1;
    document["result"] = plan->has_changes() ? "would change" : "unchanged";
    if (options.is_explained) document["facts"] = to_json(*facts);
    print_json(document);
  } else if (options.is_dry_run) {
    show_plan(*plan, false, "");
  } else {
    print(fmt::format("\nPlan ({}): {}.\n", to_text(plan->mode), plan->why));
  }
  const bool tells = options.has_detailed_code && plan->has_changes();
  return tells ? ExitCode::would_change : ExitCode::done;
}

}  // namespace

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

Result<ExitCode> run_setup(const SetupOptions& options) {
  const auto request = parse_request(options);
  if (!request) return request.error();
  if (options.is_dry_run || options.is_explained) return look_only(*request, options);
  if (const auto allowed = check_rights(options.root, "setup"); !allowed) return allowed.error();
  ::umask(022);  // what it writes is read by systemd-network, systemd-resolve and our own user
  if (const auto journal = Journal::peek(options.root); !journal) {
    return journal.error();
  } else if (journal->cut_off_at()) {
    auto locked = Journal::open(options.root);
    if (!locked) return locked.error();
    if (const auto undone = complete_undo(*locked, options.root); !undone) return undone.error();
  }
  if (const auto peeked = Journal::peek(options.root); peeked && is_of_old_version(*peeked)) {
    const auto confirmed =
        confirm(options.is_confirmed, "Take back what the older version of dnscachectl did?");
    if (!confirmed) return confirmed.error();
    if (!*confirmed) return Error{"nothing was changed"};
    if (const auto undone = undo_old_version(options.root); !undone) return undone.error();
  }
  const auto facts = look_around(*request, options.is_json);
  if (!facts) return facts.error();
  const auto plan = plan_setup(*facts, *request);
  if (!plan) return plan.error();
  if (!plan->has_changes()) {
    if (options.is_json) {
      show_plan(*plan, true, "unchanged");
    } else {
      print(plan->is_image
                ? std::string("unchanged: the image is prepared; its first boot does the rest\n")
                : fmt::format("unchanged: lookups on this machine go through the cache at {}\n",
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
  if (!plan->is_image && options.root.empty() && !is_systemd_here() && boots_with_systemd({})) {
    print_message(
        "systemd does not run here, so the cache is started in the background; if these are the "
        "files of an image, use 'dnscachectl setup --image'");
  }
  auto journal = Journal::open(options.root);
  if (!journal) return journal.error();
  return perform(*plan, facts->machine, *journal, options);
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

}  // namespace dnscache::cli
