#include "cli/commands.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <chrono>
#include <fmt/format.h>
#include <string_view>

#include "resolver/config/text.hpp"
#include "resolver/config/values.hpp"
#include "resolver/dnssec/validator.hpp"
#include "resolver/version.hpp"

namespace dnscache::cli {

namespace {

const std::vector<std::string> shells = {"bash", "zsh", "fish"};
const std::vector<std::string> modes = {"auto", "link", "resolved", "manager", "resolv-conf"};
const std::vector<std::string> scenarios = {"compare", "failover", "storm"};
const std::vector<std::string> bench_clients = {"resolver", "getaddrinfo", "wire"};
const std::vector<std::string> forms = {"sidecar", "wrapper"};
const std::vector<std::string> common_types = {"A",  "AAAA", "CNAME", "HTTPS", "MX",
                                               "NS", "PTR",  "SOA",   "SRV",   "TXT"};

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
  command.add_option("--route", routes, "Ask these servers for names in this zone")
      ->type_name("ZONE=ADDRESS,...")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
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
  command.add_option("-c,--config", options.config, "The configuration file")->type_name("FILE");
  add_list(command, "--listen", options.listen,
           "Listen there instead of where the configuration says", "ADDRESS[:PORT]");
  add_list(command, "--upstream", options.upstreams,
           "Ask these servers instead of the configured ones", "ADDRESS[:PORT]");
}

void add_run(CLI::App& app, RunOptions& options) {
  auto& command = *app.add_subcommand(
      "run", "Run a command, in a container, with the cache in front of its lookups");
  command
      .add_option("command", options.command,
                  "The command with its arguments; '--' may stand before it")
      ->type_name("COMMAND");
  command.add_option("-c,--config", options.config, "The configuration file")->type_name("FILE");
  add_list(command, "--listen", options.listen,
           "Listen there instead of where the configuration says", "ADDRESS");
  add_list(command, "--upstream", options.upstreams,
           "Ask these servers instead of the configured ones or those that resolv.conf names",
           "ADDRESS[:PORT]");
}

void add_template(CLI::App& app, TemplateOptions& options) {
  auto& command = *app.add_subcommand(
      "template", "Print a file that brings the cache somewhere, with your values in it");
  command.add_option("name", options.name, "Which file: " + join_words(template_names()))
      ->type_name("NAME")
      ->required()
      ->check(CLI::IsMember(template_names()).description(""));
  add_list(command, "--upstream", options.upstreams,
           "Ask these servers instead of those that resolv.conf names there", "ADDRESS[:PORT]");
  add_routes(command, options.routes);
  command.add_option("--config", options.config, "Use this configuration file instead")
      ->type_name("FILE");
  command.add_option("--url", options.url, "Where the package or program is: https:// or s3://")
      ->type_name("URL");
  command.add_option("--sha256", options.sha256, "The checksum of what is there")->type_name("HEX");
  command.add_option("--image", options.image, "The container image of the cache")
      ->type_name("IMAGE");
  command.add_option("--app", options.app, "The container image of your program")
      ->type_name("IMAGE");
  command
      .add_option("--form", options.form,
                  "For ecs-fargate: sidecar, a container of its own, or wrapper, the first process "
                  "of yours")
      ->type_name("FORM")
      ->check(CLI::IsMember(forms).description(""))
      ->capture_default_str();
}

void add_schema(CLI::App& app) {
  app.add_subcommand("schema", "Print the JSON Schema of the configuration, for editors");
}

void add_support(CLI::App& app, SupportOptions& options) {
  auto& command = *app.add_subcommand(
      "support", "Write what a bug report needs to one file, without names and addresses");
  command.add_option("-o,--output", options.output, "The file [dnscachectl-support.tar]")
      ->type_name("FILE");
  command.add_flag("--no-redaction", options.is_unredacted, "Leave names and addresses in it");
}

void add_check(CLI::App& app, CheckOptions& options) {
  auto& command = *app.add_subcommand("check", "Find every problem of a configuration file");
  command.add_option("file", options.file, "The configuration file")->type_name("FILE");
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
      ->check(CLI::IsMember({"dnsmasq", "unbound", "bind", "resolved"}).description(""));
  command
      .add_option("--only", options.only,
                  "Show lines with this result only: refused, translated, kept or not-needed")
      ->type_name("RESULT")
      ->check(CLI::IsMember({"refused", "translated", "kept", "not-needed"}).description(""));
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
      *app.add_subcommand("setup", "Start the cache and send this machine's lookups through it");
  command.add_flag("--dry-run", options.is_dry_run, "Show what would be done; change nothing");
  command.add_flag("-y,--yes", options.is_confirmed, "Do not ask");
  add_list(command, "--upstream", options.upstreams,
           "Ask these servers instead of those that resolv.conf names", "ADDRESS[:PORT]");
  add_list(command, "--listen", options.listen, "Listen there instead of on 127.0.0.1 and ::1",
           "ADDRESS");
  add_routes(command, options.routes);
  command
      .add_option("--mode", options.mode,
                  "Where the cache goes first: auto, link, resolved, manager or resolv-conf")
      ->type_name("MODE")
      ->check(CLI::IsMember(modes).description(""))
      ->capture_default_str();
  command
      .add_option("--import", options.import_file,
                  "Start with another program's configuration in this file, translated")
      ->type_name("FILE");
  command.add_flag("--explain", options.is_explained,
                   "Show the facts and the reason for the plan; change nothing");
  command.add_flag("--detailed-exitcode", options.has_detailed_code,
                   "Exit with 10 instead of 0 if something was changed, or would be");
  add_json(command, options.is_json);
}

void add_recover(CLI::App& app, RecoverOptions& options) {
  auto& command = *app.add_subcommand("recover", "Undo a setup that was cut off");
  add_json(command, options.is_json);
}

void add_remove(CLI::App& app, RemoveOptions& options) {
  auto& command =
      *app.add_subcommand("remove", "Stop the cache and restore what was there before setup");
  command.add_flag("--dry-run", options.is_dry_run, "Show what would be done; change nothing");
  command.add_flag("-y,--yes", options.is_confirmed, "Do not ask");
  command.add_flag("--force", options.is_forced, "Restore files that were changed since, too");
  command.add_flag("--purge", options.is_purge,
                   "Remove the configuration and the cache's files, too");
  add_json(command, options.is_json);
}

void add_status(CLI::App& app, StatusOptions& options) {
  auto& command =
      *app.add_subcommand("status", "Does the cache work, and do lookups go through it?");
  command.add_option("--name", options.name, "The name that is looked up through the cache")
      ->type_name("NAME")
      ->capture_default_str();
  auto* watch = command.add_flag("-w,--watch", options.is_watching,
                                 "Show it anew every second, until q is pressed");
  add_json(command, options.is_json);
  watch->excludes("--json");
}

void add_doctor(CLI::App& app, DoctorOptions& options) {
  auto& command =
      *app.add_subcommand("doctor", "Find what is wrong, and the command that mends it");
  command.add_option("--name", options.name, "The name that is looked up at each stage")
      ->type_name("NAME")
      ->capture_default_str();
  add_json(command, options.is_json);
}

void add_explain(CLI::App& app, ExplainOptions& options) {
  auto& command = *app.add_subcommand(
      "explain", "Tell the whole story of one lookup: who is asked, who decides, and why");
  command.add_option("name", options.name, "The name")->type_name("NAME")->required();
  command.add_option("type", options.type, "A record type [A and AAAA, as programs ask]")
      ->type_name("TYPE");
  add_json(command, options.is_json);
}

void add_top(CLI::App& app, TopOptions& options) {
  auto& command = *app.add_subcommand(
      "top", "Who asks for what: the names, zones and clients with the most queries");
  command.add_option("-n,--rows", options.rows, "Rows of each table")
      ->type_name("N")
      ->check(between(1, 1000))
      ->capture_default_str();
  command
      .add_option("--seconds", options.seconds, "How long to count, when nobody looked before [5s]")
      ->type_name("TIME")
      ->transform(seconds_between(0, 3600));
  auto* watch = command.add_flag("-w,--watch", options.is_watching,
                                 "Show it anew every second, until q is pressed");
  add_json(command, options.is_json);
  watch->excludes("--json");
}

void add_flush(CLI::App& app, FlushOptions& options) {
  auto& command = *app.add_subcommand("flush", "Forget cached answers");
  auto* name =
      command.add_option("name", options.name, "Answers about this name")->type_name("NAME");
  auto* zone =
      command.add_option("--zone", options.zone, "Answers about this name and every name below it")
          ->type_name("ZONE");
  auto* all = command.add_flag("--all", options.is_all, "Every answer");
  auto* negative = command.add_flag("--negative", options.is_negative,
                                    "Answers that say that there is no such name or data");
  name->excludes(zone)->excludes(all)->excludes(negative);
  zone->excludes(all)->excludes(negative);
  negative->excludes(all);
  add_json(command, options.is_json);
}

void add_cache(CLI::App& app, CacheOptions& options, FlushOptions& flush) {
  auto& cache = *app.add_subcommand("cache", "Look into the cache");
  cache.require_subcommand(1);

  auto& list = *cache.add_subcommand("list", "The answers that were asked for most");
  list.add_option("--zone", options.zone, "Only this name and every name below it")
      ->type_name("ZONE");
  list.add_option("--top", options.top, "How many; 0: all")->type_name("N")->capture_default_str();
  add_json(list, options.is_json);

  auto& get = *cache.add_subcommand("get", "The records that are cached for a name");
  get.add_option("name", options.name, "The name")->type_name("NAME")->required();
  get.add_option("type", options.type, "Only this record type")->type_name("TYPE");
  add_json(get, options.is_json);

  add_flush(cache, flush);

  auto& dump = *cache.add_subcommand("dump", "Write every answer to a file");
  dump.add_option("file", options.file, "The file; '-' for stdout")->type_name("FILE")->required();
  auto& load = *cache.add_subcommand("load", "Put the answers of such a file into the cache");
  load.add_option("file", options.file, "The file; '-' for stdin")->type_name("FILE")->required();
}

void add_bench(CLI::App& app, BenchOptions& options) {
  auto& command =
      *app.add_subcommand("bench", "Compare the times of lookups without the cache and through it");
  command.add_option("name", options.names, "Names to look up")->type_name("NAME");
  command
      .add_option("-s,--scenario", options.scenario,
                  "compare; failover: an upstream of a copy of the engine falls silent; storm: how "
                  "much of many lookups reaches the upstream")
      ->type_name("SCENARIO")
      ->check(CLI::IsMember(scenarios).description(""))
      ->capture_default_str();
  command
      .add_option("-f,--file", options.file,
                  "More names, one a line, with or without a record type; '-' for stdin")
      ->type_name("FILE");
  add_list(command, "-t,--type", options.types, "Record types [A,AAAA]", "TYPE");
  command
      .add_option("--through", options.through,
                  "Who looks up: resolver (glibc's), getaddrinfo (in a process of its own) or wire "
                  "(UDP packets)")
      ->type_name("CLIENT")
      ->check(CLI::IsMember(bench_clients).description(""))
      ->capture_default_str();
  command
      .add_option(
          "--exec", options.command,
          "Measure a command instead, as in 'curl -so /dev/null https://{}'; {} is the name")
      ->type_name("COMMAND");
  auto* count = command
                    .add_option("-n,--count", options.count,
                                "Lookups of each name and type, each way [100; commands: 10]")
                    ->type_name("N")
                    ->check(between(1, 1'000'000));
  command
      .add_option("-d,--duration", options.duration,
                  "How long to measure each way, as in 30s or 2m, instead of a count [failover: "
                  "16s, storm: 10s]")
      ->type_name("TIME")
      ->transform(seconds_between(1, 86'400))
      ->excludes(count);
  command
      .add_option(
          "-r,--rate", options.rate,
          "Lookups begun per second, each way [compare: no limit, failover: 5, storm: 2000]")
      ->type_name("N")
      ->check(CLI::Range(0.01, 1'000'000.0).description(""));
  command.add_option("--repeat", options.repeat, "Rounds in which the ways take turns")
      ->type_name("N")
      ->check(between(1, 1'000))
      ->capture_default_str();
  command
      .add_option("-j,--concurrency", options.concurrency,
                  "Lookups at the same time [1; storm: 16]")
      ->type_name("N")
      ->check(between(1, 256));
  add_list(command, "--servers", options.servers,
           "The servers of 'before' [those of resolv.conf without the cache]", "ADDRESS[:PORT]");
  command.add_option("--cache", options.cache, "Where the cache listens [as the engine says]")
      ->type_name("ADDRESS[:PORT]");
  command
      .add_option("--limit", options.limit,
                  "The time after which no further lookup of a way is begun [15s]")
      ->type_name("TIME")
      ->transform(seconds_between(1, 86'400));
  auto* json = add_json(command, options.is_json);
  command.add_flag("--markdown", options.is_markdown, "Print Markdown, for a ticket")
      ->excludes(json);
  command.add_option("--html", options.html, "Write a page with charts to this file as well")
      ->type_name("FILE");
}

void add_completion(CLI::App& app, Options& options) {
  auto& completion = *app.add_subcommand("completion", "Print the completion file for a shell");
  completion.add_option("shell", options.shell, "bash, zsh or fish")
      ->required()
      ->type_name("SHELL")
      ->check(CLI::IsMember(shells).description(""));

  auto& complete = *app.add_subcommand("__complete", "Candidates for a command line")->group("");
  complete.add_option("words", options.words);
  complete.positionals_at_end(false);
  app.add_subcommand("__man-settings", "The settings, as mdoc")->group("");
  auto& helper = *app.add_subcommand("__getaddrinfo", "A client of bench")->group("");
  helper.add_option("words", options.words);
  auto& source = *app.add_subcommand("source", "What the units do to the machine")->group("");
  source.add_option("action", options.source.action)
      ->required()
      ->check(CLI::IsMember({"up", "withdraw", "down"}));
}

}  // namespace

std::unique_ptr<CLI::App> make_commands(Options& options) {
  auto app = std::make_unique<CLI::App>(
      "A caching DNS resolver for this machine: lookups take microseconds, and a dead upstream "
      "costs nothing.",
      "dnscachectl");
  app->set_version_flag("--version",
                        std::string("dnscachectl ") + version() + "\ndnssec: " + dnssec_support());
  app->set_help_flag("-h,--help", "Show this help");
  app->require_subcommand(1);
  app->fallthrough();
  app->get_formatter()->column_width(34);
  app->get_formatter()->label("SUBCOMMAND", "COMMAND");
  app->get_formatter()->label("Subcommands", "Commands");
  app->get_formatter()->label("REQUIRED", "");
  app->footer("'dnscachectl COMMAND --help' explains a command; see also dnscachectl(1).");
  app->add_option("--control", options.control, "The engine's control socket")->type_name("PATH");
  app->add_flag("-q,--quiet", options.is_quiet, "No messages on stderr but errors");
  app->add_option("--root", options.root)->group("");

  add_setup(*app, options.setup);
  add_status(*app, options.status);
  add_doctor(*app, options.doctor);
  add_explain(*app, options.explain);
  add_top(*app, options.top);
  add_bench(*app, options.bench);
  add_flush(*app, options.flush);
  add_cache(*app, options.cache, options.flush);
  add_check(*app, options.check);
  add_import(*app, options.import);
  add_serve(*app, options.serve);
  add_run(*app, options.run);
  add_template(*app, options.template_);
  add_schema(*app);
  add_support(*app, options.support);
  add_remove(*app, options.remove);
  add_recover(*app, options.recover);
  add_completion(*app, options);
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
  if (option.check_name("--mode")) return modes;
  if (option.check_name("--from")) return {"dnsmasq", "unbound", "bind", "resolved"};
  if (option.check_name("--only")) return {"refused", "translated", "kept", "not-needed"};
  if (option.check_name("--scenario")) return scenarios;
  if (option.check_name("--through")) return bench_clients;
  if (option.check_name("--form")) return forms;
  if (command.get_name() == "template" && option.check_name("name")) return template_names();
  return {};
}

}  // namespace dnscache::cli
