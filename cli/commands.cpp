#include "cli/commands.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <string_view>

#include "resolver/base/text.hpp"
#include "resolver/base/version.hpp"
#include "resolver/config/schema.hpp"
#include "resolver/config/values.hpp"
#include "resolver/dnssec/validator.hpp"

namespace dnscache::cli {

namespace {

const std::vector<std::string> shells = {"bash", "zsh", "fish"};
const std::vector<std::string> modes = {"auto", "link", "resolved", "manager", "resolv-conf"};
const std::vector<std::string> scenarios = {"compare", "failover", "storm"};
const std::vector<std::string> bench_clients = {"resolver", "getaddrinfo", "wire"};
const std::vector<std::string> forms = {"sidecar", "wrapper"};
const std::vector<std::string> sort_keys = {"queries", "misses", "nxdomain", "slow"};
const std::vector<std::string> common_types = {"A",  "AAAA", "CNAME", "HTTPS", "MX",
                                               "NS", "PTR",  "SOA",   "SRV",   "TXT"};

std::vector<std::string> setting_keys() {
  std::vector<std::string> keys;
  for (const auto& setting : settings()) keys.push_back(setting.key);
  return keys;
}

// Lists are written "a,b" or by repeating the option, so that "NAME..." behind it stays free.
CLI::Option* add_list(CLI::App& command, const std::string& flag, std::vector<std::string>& values,
                      const std::string& help, const std::string& value_name) {
  return command.add_option(flag, values, help)
      ->type_name(value_name)
      ->delimiter(',')
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
}

void add_routes(CLI::App& command, std::vector<std::string>& routes) {
  command.add_option("--route", routes, "Query these servers for names in this zone")
      ->type_name("ZONE=ADDRESS,...")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
}

// With the word that was probably meant, and without CLI11's list in the help.
CLI::Validator one_of(std::vector<std::string> words) {
  const auto check = [words = std::move(words)](const std::string& text) -> std::string {
    if (std::ranges::find(words, text) != words.end()) return {};
    const auto suggestion = nearest(text, words);
    return suggestion.empty()
               ? fmt::format("'{}' is not {}", printable(text), join_words(words))
               : fmt::format("there is no '{}', did you mean '{}'?", printable(text), suggestion);
  };
  return {check, "", ""};
}

// Without CLI11's "UINT in [1 - 256]" in the help.
CLI::Validator between(std::uint32_t low, std::uint32_t high) {
  return CLI::Range(low, high).description("");
}

// "90", "90s" or "2m", which become seconds, as in the configuration.
CLI::Validator seconds_between(std::uint32_t low, std::uint32_t high) {
  const auto to_seconds = [low, high](std::string& text) -> std::string {
    const bool is_number = text.find_first_not_of("0123456789") == text.npos;
    const auto duration = parse_duration(is_number ? text + 's' : text);
    if (!duration)
      return fmt::format("'{}' {}; write 90s or 2m", printable(text), duration.error().message);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*duration);
    if (seconds != *duration || seconds.count() < low || seconds.count() > high) {
      return fmt::format("'{}' is not between {}s and {}s in whole seconds", printable(text), low,
                         high);
    }
    text = std::to_string(seconds.count());
    return {};
  };
  return {to_seconds, ""};
}

CLI::Option* add_json(CLI::App& command, bool& is_json) {
  return command.add_flag("--json", is_json, "Print JSON, for programs");
}

void add_serve(CLI::App& app, ServeOptions& options) {
  auto& command = *app.add_subcommand("serve", "Run the cache in the foreground");
  command.add_option("-c,--config", options.config, "Configuration file")->type_name("FILE");
  add_list(command, "--listen", options.listen, "Listen here, not where the configuration says",
           "ADDRESS[:PORT]");
  add_list(command, "--upstream", options.upstreams, "Query these servers, not the configured ones",
           "ADDRESS[:PORT]");
  command.add_option("--user", options.user, "Become this user once the sockets are open")
      ->type_name("USER");
}

void add_run(CLI::App& app, RunOptions& options) {
  auto& command = *app.add_subcommand(
      "run", "Run a command in a container, with its lookups going through a cache");
  command
      .add_option("command", options.command,
                  "The command and its arguments, optionally after '--'")
      ->type_name("COMMAND");
  command.add_option("-c,--config", options.config, "Configuration file")->type_name("FILE");
  add_list(command, "--listen", options.listen, "Listen here, not where the configuration says",
           "ADDRESS");
  add_list(command, "--upstream", options.upstreams,
           "Query these servers, not the configured ones or those in resolv.conf",
           "ADDRESS[:PORT]");
}

void add_template(CLI::App& app, TemplateOptions& options) {
  auto& command =
      *app.add_subcommand("template", "Print a deployment file, with your values filled in");
  command.add_option("name", options.name, "Deployment file: " + join_words(template_names()))
      ->type_name("NAME")
      ->required()
      ->check(one_of(template_names()));
  add_list(command, "--upstream", options.upstreams,
           "Query these servers, not those in resolv.conf there", "ADDRESS[:PORT]");
  add_routes(command, options.routes);
  command.add_option("--config", options.config, "Use this configuration file")->type_name("FILE");
  command.add_option("--url", options.url, "Location of the package or program: https:// or s3://")
      ->type_name("URL");
  command.add_option("--sha256", options.sha256, "Checksum of the package or program")
      ->type_name("HEX");
  command.add_option("--image", options.image, "Container image of the cache")->type_name("IMAGE");
  command.add_option("--app", options.app, "Container image of your program")->type_name("IMAGE");
  command
      .add_option(
          "--form", options.form,
          "For ecs-fargate: sidecar (a separate container) or wrapper (the first process in "
          "yours)")
      ->type_name("FORM")
      ->check(one_of(forms))
      ->capture_default_str();
}

void add_schema(CLI::App& app) {
  app.add_subcommand("schema", "Print the JSON Schema of the configuration file, for editors");
}

void add_support(CLI::App& app, SupportOptions& options) {
  auto& command = *app.add_subcommand(
      "support", "Collect what a bug report needs in one file, with names and addresses removed");
  command.add_option("-o,--output", options.output, "Output file [dnscachectl-support.tar]")
      ->type_name("FILE");
  command.add_flag("--no-redaction", options.is_unredacted, "Keep names and addresses");
}

void add_check(CLI::App& app, CheckOptions& options) {
  auto& command =
      *app.add_subcommand("check", "Check a configuration file and report every problem");
  command.add_option("file", options.file, "Configuration file")->type_name("FILE");
  command.add_flag("--print", options.print, "Print the effective configuration");
  add_json(command, options.json);
}

void add_import(CLI::App& app, ImportOptions& options) {
  auto& command = *app.add_subcommand(
      "import", "Translate the configuration of dnsmasq, Unbound, BIND or systemd-resolved");
  command
      .add_option("file", options.file,
                  "The configuration file, - for standard input [/etc/dnsmasq.conf]")
      ->type_name("FILE");
  command
      .add_option("--from", options.from,
                  "Whose configuration it is: dnsmasq, unbound, bind or resolved [by its content]")
      ->type_name("PROGRAM")
      ->check(one_of({"dnsmasq", "unbound", "bind", "resolved"}));
  command
      .add_option("--only", options.only,
                  "Show lines with this result only: refused, translated, kept or not-needed")
      ->type_name("RESULT")
      ->check(one_of({"refused", "translated", "kept", "not-needed"}));
  command
      .add_option("--resolv-file", options.resolv_file,
                  "Take dnsmasq's servers from this file instead of the one that it names")
      ->type_name("FILE");
  command.add_option("-o,--output", options.output, "Write the configuration to this new file")
      ->type_name("FILE");
  add_json(command, options.is_json);
}

void add_setup(CLI::App& app, SetupOptions& options) {
  auto& command =
      *app.add_subcommand("setup", "Start the cache and direct this machine's lookups to it");
  command.add_flag("--dry-run", options.is_dry_run, "Show what would be done and change nothing");
  command.add_flag("-y,--yes", options.is_confirmed, "Do not ask for confirmation");
  add_list(command, "--upstream", options.upstreams,
           "Query these servers, not those that the machine uses", "ADDRESS[:PORT]");
  add_list(command, "--listen", options.listen, "Listen here, not on 127.0.0.1 and ::1", "ADDRESS");
  add_routes(command, options.routes);
  command
      .add_option(
          "--mode", options.mode,
          "How lookups are directed to the cache: auto, link, resolved, manager or resolv-conf")
      ->type_name("MODE")
      ->check(one_of(modes))
      ->capture_default_str();
  command.add_flag("--image", options.is_image,
                   "Prepare an image: start nothing, its first boot finishes the setup");
  command.add_option("--import", options.import_file, "Import another program's configuration")
      ->type_name("FILE");
  command.add_flag("--explain", options.is_explained,
                   "Show the facts and reasons behind the plan and change nothing");
  command.add_flag("--detailed-exitcode", options.has_detailed_code,
                   "Exit with 10, not 0, if something was or would be changed");
  add_json(command, options.is_json);
}

void add_recover(CLI::App& app, RecoverOptions& options) {
  auto& command = *app.add_subcommand("recover", "Undo an interrupted setup");
  add_json(command, options.is_json);
}

void add_remove(CLI::App& app, RemoveOptions& options) {
  auto& command =
      *app.add_subcommand("remove", "Stop the cache and restore the state before setup");
  command.add_flag("--dry-run", options.is_dry_run, "Show what would be done and change nothing");
  command.add_flag("-y,--yes", options.is_confirmed, "Do not ask for confirmation");
  command.add_flag("--force", options.is_forced, "Also restore files that were changed since");
  command.add_flag("--purge", options.is_purge,
                   "Also remove the configuration and the cache's files");
  add_json(command, options.is_json);
}

void add_status(CLI::App& app, StatusOptions& options) {
  auto& command =
      *app.add_subcommand("status", "Show whether the cache works and lookups go through it");
  command
      .add_option("--name", options.name,
                  "Name to look up as programs do [one that only the cache knows]")
      ->type_name("NAME");
  command.add_flag("-w,--watch", options.is_watching,
                   "Refresh every second until q is pressed; with --json a line each second");
  add_json(command, options.is_json);
}

void add_doctor(CLI::App& app, DoctorOptions& options) {
  auto& command =
      *app.add_subcommand("doctor", "Diagnose problems and print the command that fixes each");
  command.add_option("--name", options.name, "Name to look up at each stage [one that works here]")
      ->type_name("NAME");
  add_json(command, options.is_json);
}

void add_explain(CLI::App& app, ExplainOptions& options) {
  auto& command =
      *app.add_subcommand("explain", "Trace one lookup: which servers are queried and why");
  command.add_option("name", options.name, "Name to look up")->type_name("NAME")->required();
  command.add_option("type", options.type, "Record type [A and AAAA, as programs query them]")
      ->type_name("TYPE");
  add_json(command, options.is_json);
}

void add_top(CLI::App& app, TopOptions& options) {
  auto& command =
      *app.add_subcommand("top", "Show the names, zones and clients with the most queries");
  command.add_option("-n,--rows", options.rows, "Rows of each table")
      ->type_name("N")
      ->check(between(1, 1000))
      ->capture_default_str();
  command.add_option("--sort", options.sort, "Order: queries, misses, nxdomain or slow")
      ->type_name("KEY")
      ->check(one_of(sort_keys))
      ->capture_default_str();
  command
      .add_option("--seconds", options.seconds,
                  "How long to count if top is not already counting [5s]")
      ->type_name("TIME")
      ->transform(seconds_between(0, 3600));
  auto* watch = command.add_flag("-w,--watch", options.is_watching,
                                 "Refresh every second until q is pressed");
  add_json(command, options.is_json);
  watch->excludes("--json");
}

void add_flush(CLI::App& app, FlushOptions& options) {
  auto& command = *app.add_subcommand("flush", "Remove answers from the cache");
  auto* name = command.add_option("name", options.name, "Answers for this name")->type_name("NAME");
  auto* type = command.add_option("type", options.type, "Only this record type")->type_name("TYPE");
  auto* zone =
      command.add_option("--zone", options.zone, "Answers for this name and all names below it")
          ->type_name("ZONE");
  auto* all = command.add_flag("--all", options.is_all, "All answers");
  auto* negative =
      command.add_flag("--negative", options.is_negative, "Negative answers (NXDOMAIN and NODATA)");
  name->excludes(zone)->excludes(all)->excludes(negative);
  type->needs(name);
  zone->excludes(all)->excludes(negative);
  negative->excludes(all);
  add_json(command, options.is_json);
}

void add_cache(CLI::App& app, CacheOptions& options, FlushOptions& flush) {
  auto& cache = *app.add_subcommand("cache", "Inspect the cache");
  cache.require_subcommand(1);

  auto& list = *cache.add_subcommand("list", "List the answers with the most hits");
  list.add_option("--zone", options.zone, "Only this name and all names below it")
      ->type_name("ZONE");
  list.add_option("--top", options.top, "Number of answers; 0: all")
      ->type_name("N")
      ->capture_default_str();
  add_json(list, options.is_json);

  auto& get = *cache.add_subcommand("get", "Show the records cached for a name");
  get.add_option("name", options.name, "Name")->type_name("NAME")->required();
  get.add_option("type", options.type, "Only this record type")->type_name("TYPE");
  add_json(get, options.is_json);

  add_flush(cache, flush);

  auto& dump = *cache.add_subcommand("dump", "Write all answers to a file");
  dump.add_option("file", options.file, "Output file; '-' for stdout")
      ->type_name("FILE")
      ->required();
  dump.add_flag("--text", options.is_text, "As in a zone file, to be read by people");
  auto& load = *cache.add_subcommand("load", "Load answers written by dump");
  load.add_option("file", options.file, "Input file; '-' for stdin")->type_name("FILE")->required();
}

void add_bench(CLI::App& app, BenchOptions& options) {
  auto& command = *app.add_subcommand("bench", "Measure lookups with and without the cache");
  command.add_option("name", options.names, "Names to look up")->type_name("NAME");
  command
      .add_option("-s,--scenario", options.scenario,
                  "compare; failover: an upstream of a copy of the engine stops responding; storm: "
                  "count how many of many lookups reach the upstream")
      ->type_name("SCENARIO")
      ->check(one_of(scenarios))
      ->capture_default_str();
  command
      .add_option("-f,--file", options.file,
                  "More names, one per line, optionally with a record type; '-' for stdin")
      ->type_name("FILE");
  add_list(command, "-t,--type", options.types, "Record types [A,AAAA]", "TYPE");
  command
      .add_option("--through", options.through,
                  "Client: resolver (glibc's), getaddrinfo (in a separate process) or wire (UDP "
                  "packets)")
      ->type_name("CLIENT")
      ->check(one_of(bench_clients))
      ->capture_default_str();
  command
      .add_option("--exec", options.command,
                  "Measure this command, as in 'curl -so /dev/null https://{}'; {} is the name")
      ->type_name("COMMAND");
  auto* count = command
                    .add_option("-n,--count", options.count,
                                "Lookups per name, type and phase [100; commands: 10]")
                    ->type_name("N")
                    ->check(between(1, 1'000'000));
  command
      .add_option("-d,--duration", options.duration,
                  "Duration of each phase, as in 30s or 2m, in place of a count [failover: 16s, "
                  "storm: 10s]")
      ->type_name("TIME")
      ->transform(seconds_between(1, 86'400))
      ->excludes(count);
  command
      .add_option("-r,--rate", options.rate,
                  "Lookups per second in each phase [compare: no limit, failover: 5, storm: 2000]")
      ->type_name("N")
      ->check(CLI::Range(0.01, 1'000'000.0).description(""));
  command.add_option("--repeat", options.repeat, "Rounds in which the phases alternate")
      ->type_name("N")
      ->check(between(1, 1'000))
      ->capture_default_str();
  command.add_option("-j,--concurrency", options.concurrency, "Concurrent lookups [1; storm: 16]")
      ->type_name("N")
      ->check(between(1, 256));
  add_list(command, "--servers", options.servers,
           "Servers to compare with [those in use without the cache]", "ADDRESS[:PORT]");
  command.add_option("--cache", options.cache, "Address of the cache [where the engine listens]")
      ->type_name("ADDRESS[:PORT]");
  command
      .add_option("--limit", options.limit,
                  "Start no further lookup of a phase after this time [15s]")
      ->type_name("TIME")
      ->transform(seconds_between(1, 86'400));
  auto* json = add_json(command, options.is_json);
  command.add_flag("--markdown", options.is_markdown, "Print Markdown, for a ticket")
      ->excludes(json);
  command.add_option("--html", options.html, "Also write a page with charts to this file")
      ->type_name("FILE");
}

void add_completion(CLI::App& app, Options& options) {
  auto& completion = *app.add_subcommand("completion", "Print the completion file for a shell");
  completion.add_option("shell", options.shell, "bash, zsh or fish")
      ->required()
      ->type_name("SHELL")
      ->check(one_of(shells));

  auto& complete = *app.add_subcommand("__complete", "Candidates for a command line")->group("");
  complete.add_option("words", options.words);
  complete.positionals_at_end(false);
  app.add_subcommand("__man-settings", "The settings, as mdoc")->group("");
  auto& helper = *app.add_subcommand("__getaddrinfo", "A client of bench")->group("");
  helper.add_option("words", options.words);
  auto& source = *app.add_subcommand("source", "What the units do to the machine")->group("");
  source.add_option("action", options.source.action)
      ->required()
      ->check(one_of({"up", "withdraw", "down", "close"}));
}

// In this order in the help.
void group_commands(CLI::App& app) {
  struct Group {
    const char* title;
    std::vector<const char*> commands;
  };
  static const std::vector<Group> groups = {
      {"Set up this machine", {"setup", "remove", "recover"}},
      {"See how lookups fare",
       {"status", "doctor", "query", "explain", "monitor", "top", "bench", "logs"}},
      {"Run the cache", {"restart", "stop", "pause", "resume", "reload", "serve", "run"}},
      {"Configure it", {"config", "check", "import", "schema"}},
      {"Look into the cache", {"flush", "cache"}},
      {"Print files and help", {"template", "support", "completion", "help", "version"}},
  };
  for (const auto& group : groups) {
    for (const auto* name : group.commands) app.get_subcommand(name)->group(group.title);
  }
}

}  // namespace

std::unique_ptr<CLI::App> make_commands(Options& options) {
  auto app = std::make_unique<CLI::App>(
      "A caching DNS resolver for this machine: cached lookups take microseconds, and a dead name "
      "server does not delay the others.",
      "dnscachectl");
  app->set_version_flag("-V,--version",
                        std::string("dnscachectl ") + version() + "\ndnssec: " + dnssec_support());
  app->set_help_flag("-h,--help", "Show this help");
  app->require_subcommand(1);
  app->fallthrough();
  app->get_formatter()->column_width(34);
  app->get_formatter()->label("SUBCOMMAND", "COMMAND");
  app->get_formatter()->label("Subcommands", "Commands");
  app->get_formatter()->label("REQUIRED", "");
  app->footer(
      "Run 'dnscachectl COMMAND --help' for the options of a command; see also dnscachectl(1).");
  app->add_option("--control", options.control, "Control socket of the engine")->type_name("PATH");
  app->add_flag("-q,--quiet", options.is_quiet, "Print no messages other than errors");
  app->add_option("--root", options.root)->group("");

  add_setup(*app, options.setup);
  add_status(*app, options.status);
  add_doctor(*app, options.doctor);
  add_query(*app, options.query);
  add_explain(*app, options.explain);
  add_monitor(*app, options.monitor);
  add_top(*app, options.top);
  add_bench(*app, options.bench);
  add_flush(*app, options.flush);
  add_cache(*app, options.cache, options.flush);
  add_config(*app, options.config);
  add_check(*app, options.check);
  add_import(*app, options.import);
  app->add_subcommand("reload", "Apply changes of the configuration");
  add_service(*app, options.service);
  add_serve(*app, options.serve);
  add_run(*app, options.run);
  add_template(*app, options.template_);
  add_schema(*app);
  add_support(*app, options.support);
  add_remove(*app, options.remove);
  add_recover(*app, options.recover);
  add_completion(*app, options);
  app->add_subcommand("help", "Print the help of a command");  // see as_options()
  app->add_subcommand("version", "Print the version");
  group_commands(*app);
  return app;
}

std::vector<std::string> take_command_of_run(const CLI::App& app, std::vector<std::string>& words) {
  const auto takes_value = [&](const CLI::App& command, const std::string& word) {
    const auto* option = command.get_option_no_throw(word);
    if (option == nullptr) option = app.get_option_no_throw(word);
    return option != nullptr && option->get_items_expected_max() > 0;
  };
  const CLI::App* run = nullptr;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool is_option = words[i].starts_with('-') && words[i] != "--";
    if (is_option) {
      if (takes_value(run != nullptr ? *run : app, words[i])) ++i;
    } else if (run == nullptr) {
      if (words[i] != "run") return {};
      run = app.get_subcommand("run");
    } else {
      const auto end = words.begin() + static_cast<std::ptrdiff_t>(i);
      std::vector<std::string> command(words[i] == "--" ? end + 1 : end, words.end());
      words.erase(end, words.end());
      return command;
    }
  }
  return {};
}

std::vector<std::string> choices_of(const CLI::App& command, const CLI::Option& option) {
  if (command.get_name() == "completion" && option.check_name("shell")) return shells;
  if (option.check_name("--type") || option.check_name("type")) return common_types;
  if (option.check_name("--sort")) return sort_keys;
  if (option.check_name("--mode")) return modes;
  if (option.check_name("--from")) return {"dnsmasq", "unbound", "bind", "resolved"};
  if (option.check_name("--only")) return {"refused", "translated", "kept", "not-needed"};
  if (option.check_name("--scenario")) return scenarios;
  if (option.check_name("--through")) return bench_clients;
  if (option.check_name("--form")) return forms;
  if (command.get_name() == "template" && option.check_name("name")) return template_names();
  if (option.check_name("key")) return setting_keys();
  return {};
}

}  // namespace dnscache::cli
