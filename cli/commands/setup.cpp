// `dnscachectl setup`: plans, asks, applies and verifies.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <iostream>
#include <sstream>
#include <thread>

#include "cli/command.hpp"
#include "cli/follow/read.hpp"
#include "cli/host/apply.hpp"
#include "cli/host/engine_process.hpp"
#include "cli/host/image.hpp"
#include "cli/host/lookup_check.hpp"
#include "cli/host/resolv_conf.hpp"
#include "cli/host/route_check.hpp"
#include "cli/host/systemd/actions.hpp"
#include "cli/host/systemd/plan.hpp"
#include "cli/host/systemd/unit_links.hpp"
#include "cli/host/undo.hpp"
#include "cli/import/import.hpp"
#include "cli/import/programs.hpp"
#include "cli/settings/endpoints.hpp"
#include "cli/show/confirm.hpp"
#include "cli/show/interrupt.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/text.hpp"
#include "resolver/config/read.hpp"
#include "resolver/config/resolv_conf.hpp"
#include "resolver/config/values.hpp"

namespace dnscache::cli {

namespace {

/// What `setup` was asked to do.
struct SetupOptions {
  std::filesystem::path root;          ///< every file lies below it; empty: the machine itself
  std::vector<std::string> upstreams;  ///< instead of the servers that resolv.conf names
  std::vector<std::string> listen;     ///< instead of 127.0.0.1 and ::1
  std::vector<std::string> routes;     ///< "corp.example=10.1.0.2,10.1.0.3"
  std::filesystem::path import_file;   ///< dnsmasq's configuration; empty: none
  std::string mode = "auto";           ///< auto, link, resolved, manager or resolv-conf
  bool is_image = false;               ///< --image: of a machine that does not run yet
  bool is_dry_run = false;
  bool is_explained = false;       ///< --explain: the facts and the reason for the plan
  bool has_detailed_code = false;  ///< --detailed-exitcode
  bool is_confirmed = false;       ///< --yes
  bool is_json = false;
};

constexpr std::chrono::seconds resolv_conf_patience{5};
constexpr std::chrono::milliseconds resolv_conf_pause{100};
constexpr Patience verify_patience{.timeout_seconds = 2, .attempts = 3};

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

// A network manager may still be writing resolv.conf.
Result<void> verify_way_of_glibc(const std::filesystem::path& root,
                                 const std::filesystem::path& control) {
  const auto deadline = std::chrono::steady_clock::now() + resolv_conf_patience;
  for (;;) {
    auto resolver = resolver_of(root);
    auto checked = resolver ? check_way_of_glibc(*resolver, control) : resolver.error();
    const bool is_over = std::chrono::steady_clock::now() >= deadline || is_interrupted();
    if (checked || is_over) return checked;
    std::this_thread::sleep_for(resolv_conf_pause);
  }
}

Result<void> verify_system(const Plan& plan, const Before& before,
                           const std::filesystem::path& root) {
  const auto control = engine_files(root).control;
  if (const auto checked = verify_way_of_glibc(root, control); !checked) return checked;
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
  request.mode = mode_words.parse(options.mode).value_or(Mode::automatic);
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
  catch_interrupts(SecondInterrupt::is_noted);  // from here on one means: undo, then end
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
    print(fmt::format("\nPlan ({}): {}.\n", mode_words.print(plan->mode), plan->why));
  }
  const bool tells = options.has_detailed_code && plan->has_changes();
  return tells ? ExitCode::would_change : ExitCode::done;
}

/// ExitCode::rolled_back when a step failed and all were undone.
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

Run declare(Arguments& arguments) {
  const auto options = std::make_shared<SetupOptions>();
  arguments.add_flag("--dry-run", options->is_dry_run,
                     "Show what would be done and change nothing");
  arguments.add_flag("-y,--yes", options->is_confirmed, "Do not ask for confirmation");
  arguments.add_list("--upstream", options->upstreams, "ADDRESS[:PORT]",
                     "Query these servers, not those that the machine uses");
  arguments.add_list("--listen", options->listen, "ADDRESS",
                     "Listen here, not on 127.0.0.1 and ::1");
  arguments.add_routes(options->routes);
  arguments
      .add_choice("--mode", options->mode, mode_words.all(), "MODE",
                  "How lookups are directed to the cache: auto, link, resolved, manager or "
                  "resolv-conf")
      ->capture_default_str();
  arguments.add_flag("--image", options->is_image,
                     "Prepare an image: start nothing, its first boot finishes the setup");
  arguments.add("--import", options->import_file, "FILE", "Import another program's configuration");
  arguments.add_flag("--explain", options->is_explained,
                     "Show the facts and reasons behind the plan and change nothing");
  arguments.add_flag("--detailed-exitcode", options->has_detailed_code,
                     "Exit with 10, not 0, if something was or would be changed");
  arguments.add_json(options->is_json);
  return [options](const Invocation& invocation) {
    options->root = invocation.root;
    return run_setup(*options);
  };
}

}  // namespace

extern const Command setup_command = {
    "setup", "Start the cache and direct this machine's lookups to it",
    "sudo dnscachectl setup --route corp.example=10.1.0.2", declare};

}  // namespace dnscache::cli
