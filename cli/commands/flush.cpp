// `dnscachectl flush` and `cache flush`: forget answers.
#include <filesystem>
#include <fmt/format.h>
#include <string>

#include "cli/ask/control_client.hpp"
#include "cli/command.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/error.hpp"
#include "resolver/wire/name.hpp"
#include "resolver/wire/protocol.hpp"

namespace dnscache::cli {

namespace {

/// What `flush` was asked to do: exactly one of `name`, `zone`, `is_negative` and `is_all`.
struct FlushOptions {
  std::filesystem::path control;  ///< empty: what the configuration says
  std::string name;
  std::string type;  ///< of the name; empty: all types
  std::string zone;
  bool is_negative = false;  ///< answers that say that there is no data
  bool is_all = false;
  bool is_json = false;
};

Result<nlohmann::json> request_for(const FlushOptions& options) {
  nlohmann::json request = {{"command", "flush"}};
  if (options.is_all) return request;
  if (options.is_negative) {
    request["negative"] = true;
    return request;
  }
  if (options.name.empty() && options.zone.empty()) {
    return Error{"nothing to flush; give a name, --zone ZONE, --negative or --all",
                 ExitCode::usage};
  }
  const auto& text = options.zone.empty() ? options.name : options.zone;
  const auto name = Name::parse(text);
  if (!name) return Error{fmt::format("'{}' is not a domain name", text), ExitCode::usage};
  request[options.zone.empty() ? "name" : "zone"] = name->to_text();
  if (options.type.empty()) return request;
  if (type_from_text(options.type) == 0) {
    return Error{fmt::format("'{}' is not a record type", options.type), ExitCode::usage};
  }
  request["type"] = options.type;
  return request;
}

Result<ExitCode> run_flush(const FlushOptions& options) {
  const auto request = request_for(options);
  if (!request) return request.error();
  const auto reply = ask_engine(control_path(options.control), *request);
  if (!reply) return reply.error();
  const auto flushed = reply->value("flushed", std::uint64_t{0});
  if (options.is_json) {
    print_json({{"schema", 1}, {"flushed", flushed}});
  } else {
    print(format_counted(flushed, "answer") + " flushed\n");
  }
  return ExitCode::done;
}

Run declare(Arguments& arguments) {
  const auto options = std::make_shared<FlushOptions>();
  auto* name = arguments.add_name("name", options->name, "Answers for this name");
  arguments.add_record_type("type", options->type, "Only this record type")->needs(name);
  auto* zone = arguments.add("--zone", options->zone, "ZONE",
                             "Answers for this name and all names below it");
  auto* all = arguments.add_flag("--all", options->is_all, "All answers");
  auto* negative = arguments.add_flag("--negative", options->is_negative,
                                      "Negative answers (NXDOMAIN and NODATA)");
  name->excludes(zone)->excludes(all)->excludes(negative);
  zone->excludes(all)->excludes(negative);
  negative->excludes(all);
  arguments.add_json(options->is_json);
  return [options](const Invocation& invocation) {
    options->control = invocation.control;
    return run_flush(*options);
  };
}

}  // namespace

extern const Command flush_command = {"flush", "Remove answers from the cache",
                                      "dnscachectl flush --zone corp.example", declare};
extern const Command cache_flush_command = {"cache flush", "Remove answers from the cache",
                                            "dnscachectl cache flush www.example.com", declare};

}  // namespace dnscache::cli
