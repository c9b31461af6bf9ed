#include "cli/commands/monitor.hpp"

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include "cli/ask/control_client.hpp"
#include "cli/command.hpp"
#include "cli/settings/decision.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/text.hpp"
#include "resolver/wire/name.hpp"

namespace dnscache::cli {

namespace {

using nlohmann::json;

Result<json> request_of(const MonitorOptions& options) {
  json request = {{"command", "monitor"}};
  if (!options.zone.empty()) {
    const auto zone = Name::parse(options.zone);
    if (!zone) {
      return Error{fmt::format("'{}' is not a domain name", printable(options.zone)),
                   ExitCode::usage};
    }
    request["zone"] = zone->to_text();
  }
  if (!options.client.empty()) {
    if (!IpAddress::parse(options.client)) {
      return Error{fmt::format("'{}' is not an address", printable(options.client)),
                   ExitCode::usage};
    }
    request["client"] = options.client;
  }
  if (options.is_for_failed) request["failed"] = true;
  return request;
}

std::string time_of_day(double since_1970) {
  const auto whole = std::floor(since_1970);
  const auto milliseconds = static_cast<int>((since_1970 - whole) * 1e3);
  return fmt::format("{:%H:%M:%S}.{:03}", fmt::localtime(static_cast<std::time_t>(whole)),
                     milliseconds);
}

/// Prints what comes, and once for each time that something was missed.
class Printer {
 public:
  explicit Printer(bool is_json) : is_json_(is_json) {}

  void take(const json& line) {
    if (!line.contains("dropped")) {
      print(is_json_ ? line.dump(-1, ' ', false, json::error_handler_t::replace) + '\n'
                     : monitor_line(line) + '\n');
    } else if (const auto dropped = line.value("dropped", std::uint64_t{0}); dropped > dropped_) {
      print_message(
          fmt::format("{} queries came too fast to be shown", format_count(dropped - dropped_)));
      dropped_ = dropped;
    }
    // A reader who has gone is not an error of ours, but the end.
    if (std::fflush(stdout) != 0) std::exit(static_cast<int>(ExitCode::failure));
  }

 private:
  bool is_json_;
  std::uint64_t dropped_ = 0;
};

}  // namespace

std::string monitor_line(const json& query) {
  const auto client = text_of(query, "client");
  auto line =
      fmt::format("{}  {}  {} {}  {}  {}", time_of_day(query.value("time", 0.0)),
                  client.empty() ? "?" : client, text_of(query, "name"), text_of(query, "type"),
                  text_of(query, "rcode"), text_of(query, "origin"));
  const auto upstream = text_of(query, "upstream");
  if (!upstream.empty()) line += ' ' + upstream;
  if (query.contains("took_ms")) line += "  " + format_milliseconds(query.value("took_ms", 0.0));
  const auto extended = part_of(query, "extended_error");
  if (!extended.empty()) {
    line += fmt::format("  EDE {} ({})", extended.value("code", 0u), text_of(extended, "text"));
  }
  return line;
}

namespace {

// Ends when the engine does, or with an error of standard output.
Result<ExitCode> run_monitor(const MonitorOptions& options) {
  const auto request = request_of(options);
  if (!request) return request.error();
  Printer printer(options.is_json);
  const auto end = ask_engine_for_lines(control_path(options.control), *request,
                                        [&](json&& line) { printer.take(line); });
  if (!end) return end.error();
  return ExitCode::done;
}

Run declare(Arguments& arguments) {
  const auto options = std::make_shared<MonitorOptions>();
  arguments.add("--zone", options->zone, "ZONE", "Only names in this zone");
  arguments.add("--client", options->client, "ADDRESS", "Only queries of this client");
  arguments.add_flag("--failed", options->is_for_failed,
                     "Only queries that fail, as with SERVFAIL");
  arguments.add_flag("--json", options->is_json, "Print a line of JSON for each");
  return [options](const Invocation& invocation) {
    options->control = invocation.control;
    return run_monitor(*options);
  };
}

}  // namespace

extern const Command monitor_command = {"monitor", "Show queries and answers as they come",
                                        "sudo dnscachectl monitor --zone example.com", declare};

}  // namespace dnscache::cli
